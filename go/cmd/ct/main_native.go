//go:build !wasm

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"time"
)

// With no argument it prints the names of all subjects as JSON; with a name and a number, that many samples: a line each
// with the class, 0 for the fixed secret and 1 for random ones, and the nanoseconds.
func main() {
	if len(os.Args) != 3 {
		names := make([]string, len(subjects))
		for i := range subjects {
			names[i] = subjects[i].name
		}
		json.NewEncoder(os.Stdout).Encode(names)
		return
	}
	i := slices.IndexFunc(subjects, func(s subject) bool { return s.name == os.Args[1] })
	samples, err := strconv.Atoi(os.Args[2])
	if i < 0 || err != nil {
		fmt.Fprintln(os.Stderr, "usage: ct [SUBJECT SAMPLES]")
		os.Exit(64)
	}
	debug.SetGCPercent(1000)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for n := range samples {
		class := rand.IntN(2)
		run := prepare(&subjects[i], uint32(n), class == 1)
		start := time.Now()
		run()
		fmt.Fprintln(out, class, time.Since(start).Nanoseconds())
	}
}
