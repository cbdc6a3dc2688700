package file

// WithSegments makes segments of the log small.
func WithSegments(c Config, size int64) Config {
	c.segment = size
	return c
}
