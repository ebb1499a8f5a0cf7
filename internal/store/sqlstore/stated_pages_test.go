package sqlstore

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

func TestPagesAreTakenInTheOrderOfReading(t *testing.T) {
	const facts = 5*pageFacts + 7
	large := bytes.Repeat([]byte("x"), pageBytes)
	next := 0
	err := apart(func(put func(paged, []byte, []byte) error) error {
		for i := range facts {
			body := []byte(fmt.Sprint(i))
			if i%1000 == 0 {
				body = append(body, large...)
			}
			if err := put(paged{since: int64(i)}, body, []byte("d")); err != nil {
				return err
			}
		}
		return nil
	}, func(p *page) error {
		return p.each(func(s *Stated) error {
			if !bytes.HasPrefix(s.Body, fmt.Append(nil, next)) || s.Since != int64(next) || string(s.Document) != "d" {
				t.Fatalf("fact %d is %d of %d bytes", next, s.Since, len(s.Body))
			}
			next++
			return nil
		})
	})
	if err != nil || next != facts {
		t.Errorf("%d facts were taken, %v", next, err)
	}
}

func TestReadingEndsWithTheTaking(t *testing.T) {
	enough, broken := errors.New("enough"), errors.New("broken")
	one := func(put func(paged, []byte, []byte) error) error { return put(paged{}, nil, nil) }
	for _, test := range []struct {
		name string
		read func(put func(paged, []byte, []byte) error) error
		take error
		want error
	}{
		{"taken", one, nil, nil},
		{"nothing", func(func(paged, []byte, []byte) error) error { return nil }, nil, nil},
		{"not taken", func(put func(paged, []byte, []byte) error) error {
			for {
				if err := put(paged{}, nil, nil); err != nil {
					return err
				}
			}
		}, enough, enough},
		{"not read", func(put func(paged, []byte, []byte) error) error { return errors.Join(one(put), broken) }, nil, broken},
	} {
		if err := apart(test.read, func(*page) error { return test.take }); !errors.Is(err, test.want) || err != nil && test.want == nil {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	if err := apart(func(func(paged, []byte, []byte) error) error { panic("x") }, func(*page) error { return nil }); err == nil {
		t.Error("a panic was no error")
	}
}
