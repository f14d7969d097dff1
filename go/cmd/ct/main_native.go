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

// listed is a subject, and how many of the samples asked for stand for one of it.
type listed struct {
	Name  string `json:"name"`
	Every int    `json:"every"`
}

// With no argument it prints all subjects as JSON; with a name and a number, that many samples: a line each
// with the class, 0 for the fixed secret and 1 for random ones, and the nanoseconds.
func main() {
	if len(os.Args) != 3 {
		list := make([]listed, len(subjects))
		for i, s := range subjects {
			list[i] = listed{s.name, max(1, s.every)}
		}
		json.NewEncoder(os.Stdout).Encode(list)
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
