package rhythm

// The calendar is computed on days since 1970-01-01 in whole numbers: time.Date
// is several times as dear, and a fit asks some thousand times.

// civil returns the date of a day. The computation is the usual one on a year
// that begins in March, so that the leap day is the last.
func civil(day int64) (year, month, dom int) {
	z := day + 719468
	era := floorDiv(z, 146097)
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	dom = int(doy - (153*mp+2)/5 + 1)
	month = int(mp) + 3
	if month > 12 {
		month -= 12
	}
	year = int(yoe + era*400)
	if month <= 2 {
		year++
	}
	return year, month, dom
}

// dayOf returns the day of a date. Month may lie outside of 1 to 12.
func dayOf(year, month, dom int) int64 {
	m := floorDiv(int64(month-1), 12)
	year, month = year+int(m), month-int(m)*12
	y := int64(year)
	if month <= 2 {
		y--
	}
	era := floorDiv(y, 400)
	yoe := y - era*400
	mp := int64(month+9) % 12
	doy := (153*mp+2)/5 + int64(dom) - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return era*146097 + doe - 719468
}

// weekday returns the day of the week, Sunday being 0.
func weekday(day int64) int { return int(((day+4)%7 + 7) % 7) }

func monthLength(year, month int) int { return int(dayOf(year, month+1, 1) - dayOf(year, month, 1)) }
