package repo

import (
	"context"
	"runtime"
	"sync"
)

// task is work with the place for its result. The place is closed without one
// where the work is given up.
type task[T any] struct {
	work func() T
	out  chan T
}

// ordered runs the work that produce submits on all processors and hands the
// results to take in the order in which they were submitted. It stops at the
// first error, and returns when nothing of it runs any more.
func ordered[T any](ctx context.Context, produce func(submit func(func() T) error) error, take func(T) error) error {
	ctx, stop := context.WithCancel(ctx)
	workers := max(1, runtime.GOMAXPROCS(0))
	tasks := make(chan task[T])
	queue := make(chan task[T], 4*workers) // bounds what is read ahead
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for t := range tasks {
				t.out <- t.work()
			}
		})
	}
	var failed error
	wg.Go(func() {
		defer close(queue)
		defer close(tasks)
		failed = produce(func(work func() T) error { return submit(ctx, queue, tasks, work) })
	})
	err := collect(ctx, queue, take)
	stop()
	wg.Wait()
	if err == nil {
		err = failed
	}
	return err
}

// submit puts work into the queue, which keeps the order, and gives it to a
// worker.
func submit[T any](ctx context.Context, queue, tasks chan<- task[T], work func() T) error {
	t := task[T]{work, make(chan T, 1)}
	select {
	case queue <- t:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case tasks <- t:
		return nil
	case <-ctx.Done():
		close(t.out)
		return ctx.Err()
	}
}

// collect takes the results in the order of the queue.
func collect[T any](ctx context.Context, queue <-chan task[T], take func(T) error) error {
	for t := range queue {
		select {
		case v, ok := <-t.out:
			if !ok {
				return ctx.Err()
			}
			if err := take(v); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
