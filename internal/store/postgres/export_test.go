package postgres

// Tidy runs the store's periodic housekeeping immediately.
var Tidy = (*Store).tidy
