package otlp

import (
	"fmt"
	"testing"
)

func TestWhichCallsAreRecorded(t *testing.T) {
	const yes, no = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
	// The sampler by trace id looks at the last 56 bits or the first 64; these are the
	// least and the greatest of both.
	const first, last = "00-00000000000000010000000000000001-b7ad6b7169203331-00", "00-7fffffffffffffffffffffffffffffff-b7ad6b7169203331-01"
	for name, test := range map[string]struct {
		sampler, argument string
		want              map[string]bool
	}{
		"the default":                 {"", "", map[string]bool{"": true, yes: true, no: false, "nonsense": true}},
		"the caller, or all":          {"parentbased_always_on", "", map[string]bool{"": true, yes: true, no: false}},
		"the caller, or none":         {"parentbased_always_off", "", map[string]bool{"": false, yes: true, no: false}},
		"the caller, or a ratio of 0": {"parentbased_traceidratio", "0", map[string]bool{"": false, yes: true, no: false}},
		"the caller, or a ratio of 1": {"parentbased_traceidratio", "1", map[string]bool{"": true, yes: true, no: false}},
		"all":                         {"always_on", "", map[string]bool{"": true, yes: true, no: true}},
		"none":                        {"always_off", "", map[string]bool{"": false, yes: false, no: false}},
		"by the trace id":             {"traceidratio", "0.5", map[string]bool{first: true, last: false}},
	} {
		t.Run(name, func(t *testing.T) {
			set := map[string]string{"OTEL_TRACES_SAMPLER": test.sampler, "OTEL_TRACES_SAMPLER_ARG": test.argument}
			s, err := readSampling(func(name string) string { return set[name] })
			if err != nil {
				t.Fatal(err)
			}
			for header, want := range test.want {
				if got := s.wants(header); got != want {
					t.Errorf("%q is recorded: %v, want %v", header, got, want)
				}
			}
		})
	}
}

func TestARatioOfCallsIsRecorded(t *testing.T) {
	const calls = 20_000
	for _, ratio := range []float64{0.01, 0.5} {
		s, err := readSampling(func(name string) string {
			return map[string]string{"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": fmt.Sprint(ratio)}[name]
		})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for range calls {
			if s.wants("") {
				n++
			}
		}
		// Eight times the standard deviation.
		if got := float64(n) / calls; got < ratio-0.03 || got > ratio+0.03 || n == 0 {
			t.Errorf("%v of the calls are recorded, want %v", got, ratio)
		}
	}
}

func TestACallThatIsNotRecordedCostsNothing(t *testing.T) {
	s := sampling{parent: true}
	if n := testing.AllocsPerRun(100, func() { s.wants("") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
