package awsiam

import (
	"strings"
	"testing"
)

// absent stands for a key that the request does not carry.
type absent struct{}

// holdsIn evaluates one condition in a complete context.
func holdsIn(t *testing.T, version, operator string, values any, context map[string]any) truth {
	t.Helper()
	st := Statement{}
	c := Condition{Operator: operator, Key: "k", Values: toList(values)}
	test := compileTest(&memory{}, &st, &c, version == Version2012)
	r := Request{Context: contextOf(context)}
	q := question{request: &r, layers: &Layers{}, context: &r.Context}
	return test.holds(&q)
}

func contextOf(values map[string]any) Context {
	var c Context
	for k, v := range values {
		switch v := v.(type) {
		case string:
			c.Set(k, v)
		case []string:
			c.SetList(k, v...)
		}
	}
	return c
}

func toList(v any) []string {
	if s, ok := v.(string); ok {
		return []string{s}
	}
	return v.([]string)
}

type operatorCase struct {
	operator string
	values   any // of the policy: a text or a list
	request  any // a text, a list or absent
	want     truth
}

func runOperators(t *testing.T, tests []operatorCase) {
	t.Helper()
	for _, tt := range tests {
		if got := holdsIn(t, Version2012, tt.operator, tt.values, map[string]any{"k": tt.request}); got != tt.want {
			t.Errorf("%s %q on %q = %d: want %d", tt.operator, tt.values, tt.request, got, tt.want)
		}
	}
}

// TestStringOperators follows "String condition operators".
func TestStringOperators(t *testing.T) {
	runOperators(t, []operatorCase{
		{"StringEquals", "a", "a", yes},
		{"StringEquals", "a", "A", no},
		{"StringEquals", "a*", "ab", no},
		{"StringEquals", "a*", "a*", yes},
		{"StringEquals", []string{"x", "a"}, "a", yes},
		{"StringEquals", []string{}, "a", no},
		{"StringEquals", "", "", yes},
		{"StringEquals", "a", absent{}, no},
		{"stringEQUALS", "a", "a", yes},
		{"StringNotEquals", "a", "b", yes},
		{"StringNotEquals", "a", "a", no},
		{"StringNotEquals", []string{"a", "b"}, "b", no},
		{"StringNotEquals", []string{"a", "b"}, "c", yes},
		{"StringNotEquals", "a", absent{}, yes},
		{"StringNotEquals", []string{}, "a", yes},
		{"StringEqualsIgnoreCase", "Red", "rED", yes},
		{"StringEqualsIgnoreCase", "r*", "red", no},
		{"StringEqualsIgnoreCase", "É", "é", yes},
		{"StringNotEqualsIgnoreCase", "Red", "rED", no},
		{"StringNotEqualsIgnoreCase", "Red", "blue", yes},
		{"StringLike", "a*c", "abc", yes},
		{"StringLike", "a*c", "ac", yes},
		{"StringLike", "a?c", "ac", no},
		{"StringLike", "a?c", "abc", yes},
		{"StringLike", "?", "é", yes},
		{"StringLike", "?", "😀", yes},
		{"StringLike", "A*", "abc", no},
		{"StringLike", "*", "", yes},
		{"StringLike", "*", "a\nb", yes},
		{"StringLike", "a.c", "abc", no},
		{"StringLike", "[a]", "a", no},
		{"StringLike", "*:*/x", "a:b/c:d/x", yes},
		{"StringNotLike", "a*", "abc", no},
		{"StringNotLike", "a*", "xbc", yes},
		{"StringNotLike", []string{"x*", "a*"}, "abc", no},
		{"StringNotLike", "a*", absent{}, yes},
	})
}

// TestNumericOperators follows "Numeric condition operators": "an integer or
// decimal value".
func TestNumericOperators(t *testing.T) {
	runOperators(t, []operatorCase{
		{"NumericEquals", "10", "10", yes},
		{"NumericEquals", "10", "10.0", yes},
		{"NumericEquals", "0.1", "0.10", yes},
		{"NumericEquals", "-0", "0", yes},
		{"NumericEquals", "+5", "5", yes},
		{"NumericEquals", "010", "10", yes},
		{"NumericEquals", "10", "1e1", no},
		{"NumericEquals", "0x10", "16", no},
		{"NumericEquals", "9007199254740993", "9007199254740992", no},
		{"NumericEquals", "1.5", "1.25", no},
		{"NumericEquals", "99999999999999999999", "99999999999999999999.0", yes},
		{"NumericEquals", "ten", "ten", no},
		{"NumericEquals", "", "", no},
		{"NumericNotEquals", "10", "11", yes},
		{"NumericNotEquals", []string{"10", "11"}, "11", no},
		{"NumericNotEquals", "10", "ten", no}, // nothing to compare
		{"NumericNotEquals", "ten", "10", no},
		{"NumericNotEquals", "10", absent{}, yes},
		{"NumericLessThan", "10", "9.999", yes},
		{"NumericLessThan", "10", "10", no},
		{"NumericLessThan", "10", "-5", yes},
		{"NumericLessThan", []string{"1", "100"}, "50", yes},
		{"NumericLessThanEquals", "10", "10", yes},
		{"NumericLessThanEquals", "10", "10.01", no},
		{"NumericGreaterThan", "10", "10", no},
		{"NumericGreaterThan", "10", "10.5", yes},
		{"NumericGreaterThanEquals", "10", "10", yes},
		{"NumericGreaterThanEquals", "10", "9", no},
		{"NumericGreaterThanEquals", "10", absent{}, no},
		{"NumericLessThanEqualsIfExists", "10", absent{}, yes},
	})
	for _, text := range []string{"1.", ".5", "1..2", "+-1", "--1", "1,5", "NaN", "Inf", "1_000", strings.Repeat("9", 100), "١"} {
		if n, ok := parseNumber(text); ok {
			t.Errorf("%q is read as the number %v", text, n)
		}
	}
}

// TestDateOperators follows "Date condition operators": the formats of W3C
// NOTE-datetime, or epoch time in seconds.
func TestDateOperators(t *testing.T) {
	const newYear = "2026-01-01T00:00:00Z"
	runOperators(t, []operatorCase{
		{"DateEquals", newYear, newYear, yes},
		{"DateEquals", "2026-01-01T01:00:00+01:00", newYear, yes},
		{"DateEquals", "2026-01-01T00:00Z", newYear, yes},
		{"DateEquals", "2026-01-01T00:00:00.000Z", newYear, yes},
		{"DateEquals", "2026-01-01T00:00:00.5Z", newYear, no},
		{"DateEquals", "2026-01-01", newYear, yes},
		{"DateEquals", "2026-01", newYear, yes},
		{"DateEquals", "2026", newYear, yes},
		{"DateEquals", "1767225600", newYear, yes},
		{"DateEquals", newYear, "1767225600", yes},
		{"DateEquals", "1767225600000", newYear, no}, // milliseconds are no UNIX time
		{"DateEquals", "1767225600.5", "2026-01-01T00:00:00.5Z", yes},
		{"DateEquals", "0", "1970-01-01T00:00:00Z", yes},
		{"DateEquals", "-1", "1969-12-31T23:59:59Z", yes},
		{"DateEquals", "Thu, 01 Jan 2026 00:00:00 GMT", newYear, no},
		{"DateEquals", "2026-02-30T00:00:00Z", "2026-03-02T00:00:00Z", no},
		{"DateEquals", "2026-*", newYear, no}, // "Wildcards are not permitted"
		{"DateNotEquals", newYear, "2026-01-02", yes},
		{"DateNotEquals", newYear, newYear, no},
		{"DateNotEquals", "soon", newYear, no},
		{"DateNotEquals", newYear, absent{}, yes},
		{"DateLessThan", newYear, "2025-12-31T23:59:59Z", yes},
		{"DateLessThan", newYear, newYear, no},
		{"DateLessThanEquals", newYear, newYear, yes},
		{"DateGreaterThan", newYear, newYear, no},
		{"DateGreaterThan", newYear, "2026-01-01T00:00:01Z", yes},
		{"DateGreaterThan", "2020-01-01T00:00:01Z", absent{}, no},
		{"DateGreaterThanEquals", newYear, newYear, yes},
		{"DateGreaterThanEqualsIfExists", newYear, absent{}, yes},
		{"DateLessThan", "1767225600", "999999999999999999999999", no},
	})
}

// TestBoolAndNull follows "Boolean condition operators" and "Condition operator
// to check existence of condition keys".
func TestBoolAndNull(t *testing.T) {
	runOperators(t, []operatorCase{
		{"Bool", "true", "true", yes},
		{"Bool", "True", "TRUE", yes},
		{"Bool", "false", "true", no},
		{"Bool", "false", "false", yes},
		{"Bool", []string{"true", "false"}, "false", yes},
		{"Bool", "true", "1", no},
		{"Bool", "false", "", no},
		{"Bool", "maybe", "maybe", no},
		{"Bool", "false", absent{}, no},
		{"BoolIfExists", "false", absent{}, yes},
		{"BoolIfExists", "false", "true", no},
		{"Null", "true", absent{}, yes},
		{"Null", "false", absent{}, no},
		{"Null", "true", "x", no},
		{"Null", "false", "x", yes},
		{"Null", "TRUE", absent{}, yes},
		{"Null", []string{"true", "false"}, "x", yes},
		{"Null", []string{}, "x", no},
		{"Null", "maybe", absent{}, no},
		{"Null", "true", []string{}, yes}, // it exists, and its value is null
		{"Null", "false", []string{}, no},
		{"Null", "false", []string{"a"}, yes},
		{"Null", "false", "", yes}, // a tag without a value is a tag
		{"ForAllValues:Null", "true", absent{}, yes},
		{"NullIfExists", "true", absent{}, unclear},
	})
}

// TestBinary follows "Binary condition operators"; the request's value is
// written as base64.
func TestBinary(t *testing.T) {
	runOperators(t, []operatorCase{
		{"BinaryEquals", "QmluYXJ5VmFsdWVJbkJhc2U2NA==", "QmluYXJ5VmFsdWVJbkJhc2U2NA==", yes},
		{"BinaryEquals", "QQ==", "Qg==", no},
		{"BinaryEquals", "QQ==", "QQ", no},
		{"BinaryEquals", "not base64", "not base64", no},
		{"BinaryEquals", "QQ==", absent{}, no},
		{"BinaryEqualsIfExists", "QQ==", absent{}, yes},
		{"BinaryNotEquals", "QQ==", "Qg==", unclear}, // there is no such operator
	})
}

// TestAddressOperators follows "IP address condition operators".
func TestAddressOperators(t *testing.T) {
	runOperators(t, []operatorCase{
		{"IpAddress", "203.0.113.0/24", "203.0.113.255", yes},
		{"IpAddress", "203.0.113.0/24", "203.0.114.0", no},
		{"IpAddress", "203.0.113.7/24", "203.0.113.1", yes},
		{"IpAddress", "203.0.113.7", "203.0.113.7", yes},
		{"IpAddress", "203.0.113.7", "203.0.113.8", no},
		{"IpAddress", "0.0.0.0/0", "1.2.3.4", yes},
		{"IpAddress", "0.0.0.0/0", "2001:db8::1", no},
		{"IpAddress", "::/0", "2001:db8::1", yes},
		{"IpAddress", "::/0", "1.2.3.4", no},
		{"IpAddress", "2001:DB8:1234:5678::/64", "2001:db8:1234:5678:9::1", yes},
		{"IpAddress", "2001:db8::1", "2001:db8:0:0:0:0:0:1", yes},
		{"IpAddress", "2001:db8::1", "2001:db8::2", no},
		{"IpAddress", []string{"10.0.0.0/8", "2001:db8::/32"}, "2001:db8::5", yes},
		{"IpAddress", "10.0.0.0/33", "10.0.0.1", no},
		{"IpAddress", "10.0.*", "10.0.0.1", no},
		{"IpAddress", "010.0.0.1", "10.0.0.1", no},
		{"IpAddress", "10.0.0.0/8", "home", no},
		{"IpAddress", "10.0.0.0/8", absent{}, no},
		{"NotIpAddress", "10.0.0.0/8", "10.1.1.1", no},
		{"NotIpAddress", "10.0.0.0/8", "11.1.1.1", yes},
		{"NotIpAddress", "10.0.0.0/8", "2001:db8::1", yes},
		{"NotIpAddress", "203.0.113.7", "2001:db8::1", yes},
		{"NotIpAddress", []string{"1.2.3.4/32", "10.0.0.0/8"}, "10.0.0.1", no},
		{"NotIpAddress", "10.0.0.0/8", "home", no},
		{"NotIpAddress", "home", "10.0.0.1", no},
		{"NotIpAddress", "10.0.0.0/8", absent{}, yes},
		{"NotIpAddressIfExists", "10.0.0.0/8", absent{}, yes},
		{"IpAddressIfExists", "10.0.0.0/8", absent{}, yes},
	})
}

// TestARNOperators follows "Amazon Resource Name (ARN) condition operators".
func TestARNOperators(t *testing.T) {
	const stored = "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt"
	runOperators(t, []operatorCase{
		{"ArnLike", "arn:aws:someservice:*:111122223333:finance/*", stored, no},
		{"StringLike", "arn:aws:someservice:*:111122223333:finance/*", stored, yes},
		{"ArnLike", "arn:aws:someservice:*:*:store/*", stored, yes},
		{"ArnEquals", "arn:aws:s3:::*", "arn:aws:s3:::bucket/a:b", yes},
		{"ArnLike", "arn:aws:s3:::b?cket", "arn:aws:s3:::bucket", yes},
		{"ArnLike", "arn:aws:s3:::BUCKET", "arn:aws:s3:::bucket", no},
		{"ArnLike", "arn:*:*:*:*:*", "arn:aws:s3:::bucket", yes},
		{"ArnLike", "*", "arn:aws:s3:::bucket", no}, // it has not six components
		{"ArnLike", "arn:aws:sns:*:111111111111*", "arn:aws:sns:us-east-1:111111111111:t", no},
		{"ArnLike", "arn:aws:lambda:us-east-1:1:function*", "arn:aws:lambda:us-east-1:1:function:f", yes},
		{"ArnLike", "arn:aws:s3:::bucket", "bucket", no},
		{"ArnNotLike", "arn:aws:s3:::bucket", "bucket", no},
		{"ArnNotEquals", "arn:aws:s3:::a", "arn:aws:s3:::b", yes},
		{"ArnNotLike", []string{"arn:aws:s3:::x", "arn:aws:s3:::b*"}, "arn:aws:s3:::bucket", no},
		{"ArnNotLike", "arn:aws:s3:::a", absent{}, yes},
		{"ArnEquals", "arn:aws:s3:::a", absent{}, no},
		{"ArnEqualsIfExists", "arn:aws:s3:::a", absent{}, yes},
	})
}

// TestSetOperators follows "Single-valued vs. multivalued context keys".
func TestSetOperators(t *testing.T) {
	ab := []string{"a", "b"}
	runOperators(t, []operatorCase{
		{"ForAllValues:StringEquals", ab, []string{"a"}, yes},
		{"ForAllValues:StringEquals", ab, []string{"a", "b", "a"}, yes},
		{"ForAllValues:StringEquals", ab, []string{"a", "c"}, no},
		{"ForAllValues:StringEquals", ab, []string{}, yes},
		{"ForAllValues:StringEquals", ab, absent{}, yes},
		{"ForAllValues:StringEquals", ab, "", yes}, // "a null data set, such as an empty string"
		{"ForAllValues:StringEquals", ab, []string{"", "c"}, no},
		{"ForAllValues:StringEquals", ab, "a", yes},
		{"ForAllValues:StringEquals", []string{}, []string{"a"}, no},
		{"ForAllValues:StringNotEquals", ab, []string{"c", "d"}, yes},
		{"ForAllValues:StringNotEquals", ab, []string{"a", "c"}, no},
		{"ForAllValues:StringNotEquals", ab, absent{}, yes},
		{"ForAllValues:StringLike", "c*", []string{"cost", "c"}, yes},
		{"ForAnyValue:StringEquals", ab, []string{"c", "b"}, yes},
		{"ForAnyValue:StringEquals", ab, []string{"c"}, no},
		{"ForAnyValue:StringEquals", ab, []string{}, no},
		{"ForAnyValue:StringEquals", ab, absent{}, no},
		{"ForAnyValue:StringEquals", ab, "", no},
		{"ForAnyValue:StringEquals", ab, "b", yes},
		{"ForAnyValue:StringNotEquals", ab, []string{"a", "b"}, no},
		{"ForAnyValue:StringNotEquals", ab, []string{"a", "c"}, yes},
		{"ForAnyValue:StringNotEquals", ab, absent{}, no},
		{"ForAnyValue:StringNotLike", "a*", []string{"ab", "b"}, yes},
		{"ForAllValues:StringEqualsIfExists", ab, absent{}, yes},
		{"ForAnyValue:StringEqualsIfExists", ab, absent{}, yes}, // "evaluate the condition element as true"
		{"ForAnyValue:StringEqualsIfExists", ab, []string{"c"}, no},
		{"FORALLVALUES:stringequals", ab, []string{"a"}, yes},
		{"ForAnyValue:Bool", "true", []string{"false", "true"}, yes},
		{"ForAllValues:NumericLessThan", "5", []string{"1", "7"}, no},
		{"ForAnyValue:IpAddress", "10.0.0.0/8", []string{"1.2.3.4", "10.1.1.1"}, yes},
		{"ForAllValues:ArnLike", "arn:aws:s3:::*", []string{"arn:aws:s3:::a"}, yes},
		{"ForSomeValues:StringEquals", ab, []string{"a"}, unclear},
		{"ForAllValues:Foo", ab, []string{"a"}, unclear},
		// A list under an operator for single values is compared with nothing.
		{"StringEquals", "a", []string{"a"}, no},
		{"StringNotEquals", "a", []string{"b"}, no},
		{"StringEqualsIfExists", "a", []string{"a"}, no},
		{"Foo", "a", "a", unclear},
	})
}

// TestVariables follows "IAM policy elements: Variables and tags".
func TestVariables(t *testing.T) {
	request := map[string]any{"k": "red", "aws:username": "red", "aws:star": "r*", "aws:list": []string{"red"}, "aws:empty": "",
		"aws:account": "111111111111", "aws:yes": "true", "aws:number": "5"}
	tests := []struct {
		version, operator, value, k string
		want                        truth
	}{
		{Version2012, "StringEquals", "${aws:username}", "red", yes},
		{Version2012, "StringEquals", "${AWS:UserName}", "red", yes},
		{Version2012, "StringEquals", "x-${aws:username}-y", "x-red-y", yes},
		{Version2008, "StringEquals", "${aws:username}", "red", no},
		{Version2008, "StringEquals", "${aws:username}", "${aws:username}", yes},
		{"", "StringLike", "${aws:username}*", "${aws:username}!", yes},
		{Version2012, "StringEquals", "${aws:nobody}", "red", no},
		{Version2012, "StringNotEquals", "${aws:nobody}", "red", no},
		{Version2012, "StringNotLike", "${aws:nobody}", "red", no},
		{Version2012, "StringEquals", "${aws:nobody, 'red'}", "red", yes},
		{Version2012, "StringEquals", "${aws:username, 'blue'}", "red", yes},
		{Version2012, "StringEquals", "${aws:empty, 'red'}", "red", yes},
		{Version2012, "StringEquals", "${aws:nobody,'red'}", "red", no},
		{Version2012, "StringEquals", `${aws:nobody, "red"}`, "red", no},
		{Version2012, "StringEquals", "${aws:nobody, ''}", "", yes},
		{Version2012, "StringEquals", "${aws:list}", "red", no}, // it could have several values
		{Version2012, "StringLike", "${aws:star}", "red", no},
		{Version2012, "StringLike", "${aws:star}", "r*", yes},
		{Version2012, "StringLike", "${aws:nobody, 'r*'}", "red", no},
		{Version2012, "StringLike", "${aws:username}*", "redder", yes},
		{Version2012, "StringLike", "r${*}", "r*", yes},
		{Version2012, "StringLike", "r${*}", "red", no},
		{Version2012, "StringLike", "r${?}*", "r?d", yes},
		{Version2012, "StringEquals", "r${*}", "r*", yes},
		{Version2012, "StringEquals", "${$}{aws:username}", "${aws:username}", yes},
		{Version2008, "StringLike", "r${*}", "r${x}", yes},
		{Version2008, "StringEquals", "r${*}", "r${*}", yes},
		{Version2012, "StringEquals", "${aws:username", "${aws:username", yes},
		{Version2012, "StringEquals", "${}", "${}", no},
		{Version2012, "StringEqualsIgnoreCase", "${aws:username}", "RED", yes},
		{Version2012, "StringNotEqualsIgnoreCase", "${aws:username}", "RED", no},
		{Version2012, "ArnLike", "arn:aws:iam::${aws:account}:role/${aws:username}", "arn:aws:iam::111111111111:role/red", yes},
		{Version2012, "ArnLike", "arn:aws:iam::1:role/${aws:star}", "arn:aws:iam::1:role/red", no},
		{Version2012, "ArnNotLike", "arn:aws:iam::1:role/${aws:nobody}", "arn:aws:iam::1:role/red", no},
		{Version2012, "Bool", "${aws:yes}", "true", yes},
		{Version2012, "NumericEquals", "${aws:number}", "5", no}, // "You can not use a policy variable"
		{Version2012, "IpAddress", "${aws:number}", "5", no},
		{Version2012, "Null", "${aws:yes}", "x", no},
	}
	for _, tt := range tests {
		request["k"] = tt.k
		if got := holdsIn(t, tt.version, tt.operator, tt.value, request); got != tt.want {
			t.Errorf("%s %s %q on %q = %d: want %d", tt.version, tt.operator, tt.value, tt.k, got, tt.want)
		}
	}
}
