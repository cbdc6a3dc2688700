package plot

import "math"

// scale maps values to places.
type scale struct {
	least, greatest float64
	logarithmic     bool
}

// scale fits all values of the chart.
func (c Chart) scale() scale {
	least, greatest := math.Inf(1), c.Mark
	for _, s := range c.Series {
		for g := range c.Groups {
			if v := s.at(g); v > 0 {
				least, greatest = math.Min(least, v), math.Max(greatest, v)
			}
		}
	}
	if greatest <= 0 {
		least, greatest = 1, 1
	}
	if !c.Lines {
		step := step(greatest)
		return scale{greatest: math.Ceil(greatest*1.08/step) * step}
	}
	low, high := math.Floor(math.Log10(least)), math.Ceil(math.Log10(greatest))
	return scale{least: math.Pow(10, low), greatest: math.Pow(10, math.Max(high, low+1)), logarithmic: true}
}

// step is the distance of marks, of which there are four to ten.
func step(greatest float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(greatest)))
	switch first := greatest / power; {
	case first < 2:
		return power / 5
	case first < 5:
		return power / 2
	default:
		return power
	}
}

// y returns the coordinate of a value.
func (s scale) y(v float64) float64 {
	part := v / s.greatest
	if s.logarithmic {
		part = math.Log(math.Max(v, s.least)/s.least) / math.Log(s.greatest/s.least)
	}
	return top + plotHeight*(1-part)
}

// marks are the values that are written at the axis.
func (s scale) marks() []float64 {
	var marks []float64
	if s.logarithmic {
		for v := s.least; v <= s.greatest*1.001; v *= 10 {
			marks = append(marks, v)
		}
		return marks
	}
	step := step(s.greatest)
	for i := 0.0; i*step <= s.greatest*1.001; i++ {
		marks = append(marks, i*step)
	}
	return marks
}
