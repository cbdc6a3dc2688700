package postgres

// Tidy does at once what the store does by itself now and then.
var Tidy = (*Store).tidy
