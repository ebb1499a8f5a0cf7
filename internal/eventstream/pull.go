package eventstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/retinue-id/retinue"
)

// travelTime is how much longer than the servers say an answer is waited for.
const travelTime = 2 * time.Second

// puller asks for messages, one batch at a time. It does so by requests of its
// own and not by jetstream.Consumer.Fetch: the servers tell that a request is
// answered ("Batch Completed", "Request Timeout") by a way that can be faster than
// that of the messages, where the consumer is replicated. Fetch then leaves, and
// the messages are lost until they are delivered again. The puller stays
// subscribed, and takes from the answer how many messages there are to come.
type puller struct {
	nc    *nats.Conn
	inbox string
	sub   *nats.Subscription
	come  chan *nats.Msg
	asked int
}

// pullRequest is what the servers are asked (see JetStream's wire API,
// $JS.API.CONSUMER.MSG.NEXT).
type pullRequest struct {
	Batch    int           `json:"batch"`
	MaxBytes int           `json:"max_bytes"`
	Expires  time.Duration `json:"expires"`
}

func newPuller(nc *nats.Conn, batch int) (*puller, error) {
	p := &puller{nc: nc, inbox: nc.NewInbox(), come: make(chan *nats.Msg, 4*batch+64)}
	var err error
	if p.sub, err = nc.ChanSubscribe(p.inbox+".*", p.come); err != nil {
		return nil, fmt.Errorf("%w: subscribe to messages: %v", retinue.ErrUnavailable, err)
	}
	return p, nil
}

// close gives back what came too late to be counted.
func (p *puller) close() {
	_ = p.sub.Unsubscribe() // the connection is gone: then it comes again
	for {
		select {
		case m := <-p.come:
			if m.Header.Get("Status") == "" && m.Reply != "" {
				_ = p.nc.Publish(m.Reply, []byte("-NAK"))
			}
		default:
			return
		}
	}
}

// fetch asks for up to so many messages and bytes, and waits up to linger for
// them. Messages of an earlier request that come late are taken too. With an
// error the consumer should be looked for again.
func (p *puller) fetch(ctx context.Context, subject string, batch, bytes int, linger time.Duration) ([]*nats.Msg, error) {
	body, err := json.Marshal(pullRequest{Batch: batch, MaxBytes: bytes, Expires: linger})
	if err != nil {
		return nil, err
	}
	p.asked++
	reply := p.inbox + "." + strconv.Itoa(p.asked)
	if err := p.nc.PublishRequest(subject, reply, body); err != nil {
		return nil, fmt.Errorf("%w: %v", retinue.ErrUnavailable, err)
	}
	var out []*nats.Msg
	due := batch
	timeout := time.NewTimer(linger + travelTime)
	defer timeout.Stop()
	for len(out) < due {
		select {
		case m := <-p.come:
			if m.Header.Get("Status") == "" || len(m.Data) > 0 {
				out = append(out, m)
				continue
			}
			if m.Subject != reply {
				continue // about an earlier request
			}
			left, err := answered(m)
			if err != nil {
				return out, err
			}
			if left >= 0 {
				due = batch - left
			}
		case <-timeout.C:
			if due == batch && len(out) == 0 && ctx.Err() == nil {
				return nil, fmt.Errorf("%w: the servers do not answer", retinue.ErrUnavailable)
			}
			return out, nil
		}
	}
	return out, nil
}

// answered reads what the servers say of a request: how many of the messages that
// it asked for will not come, or -1 where it goes on.
func answered(m *nats.Msg) (left int, err error) {
	word := strings.ToLower(m.Header.Get("Description"))
	switch status := m.Header.Get("Status"); {
	case status == "100": // still there
		return -1, nil
	case status == "408", status == "409" && (strings.Contains(word, "batch completed") || strings.Contains(word, "exceeds maxbytes")):
	case status == "409" && (strings.Contains(word, "leadership") || strings.Contains(word, "shutdown")):
		return 0, fmt.Errorf("%w: the consumer moved to another node", errMoved)
	case status == "503":
		return 0, fmt.Errorf("%w: nobody answers for the consumer", retinue.ErrUnavailable)
	default:
		return 0, fmt.Errorf("%w: the servers say %s %s", retinue.ErrUnavailable, status, retinue.CleanName(m.Header.Get("Description")))
	}
	left, err = strconv.Atoi(m.Header.Get("Nats-Pending-Messages"))
	if err != nil || left < 0 {
		return 0, fmt.Errorf("%w: the servers do not say how many messages are left", retinue.ErrUnavailable)
	}
	return left, nil
}

// errMoved says that a request came to nothing for the moment.
var errMoved = errors.New("unavailable for the moment")

// acknowledge, and the other words for a message, are sent and not waited for.
func (m *message) say(word string) {
	_ = m.nc.Publish(m.msg.Reply, []byte(word)) // where it is lost, the message comes again
}

func (m *message) acknowledge() { m.say("+ACK") }
func (m *message) terminate()   { m.say("+TERM not readable") }
func (m *message) working()     { m.say("+WPI") }
func (m *message) giveBack(after time.Duration) {
	m.say(fmt.Sprintf(`-NAK {"delay":%d}`, after.Nanoseconds()))
}
