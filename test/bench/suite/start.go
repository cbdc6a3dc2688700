package suite

import (
	"context"

	"platform.internal/storekeeper/test/bench/figure"
	"platform.internal/storekeeper/test/bench/stage"
)

// The measurement of starts, and its quantities.
const (
	Start = "start"
	Ready = "ready" // Milliseconds from exec to the first good answer.
	Size  = "size"  // MiB of the program's file.
)

// starts is the case i: each contender is started anew, with nothing kept.
func (s *Suite) starts(ctx context.Context) error {
	contenders := s.here(stage.Nginx, stage.Caddy, stage.ReverseProxy, stage.Gateway, stage.Storekeeper)
	for _, who := range contenders {
		size, err := s.stage.Programs().Size(who)
		if err != nil {
			return err
		}
		s.book.Add(Start, who, Size, size)
	}
	for range s.options.Starts {
		for _, who := range contenders {
			w, err := s.stage.Start(ctx, who, stage.Settings{})
			if err != nil {
				return err
			}
			s.book.Add(Start, who, Ready, figure.Milliseconds(w.Process.ToReady))
			w.Stop()
		}
	}
	return nil
}
