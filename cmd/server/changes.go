package main

import (
	"cmp"
	"context"
	"encoding/json"
