// Command bench compares StateKeep with a pgx pool in one run on one server: saves of new keys and loads of 1 KiB
// states, by 1, 64 and 256 goroutines. Each round runs both in turn, and the ratio of a round is one figure; rounds
// alternate who goes first, so that what else the machine does falls on both.
//
//	go run . -dsn postgres://… [-rounds 5] [-seconds 1] [-callers 1,64,256]
//
// Output: JSON, {"machine": {…}, "rows": [{"workload": "save_new", "callers": 64, "floor": 4,
// "statekeep_per_second": [min, median, max], "pgxpool_per_second": […], "ratio": […]}, …]}. The exit code is 0 also
// when a floor is missed.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"time"
)

// floors are the least ratios that the project promises, by workload and callers.
var floors = map[string]map[int]float64{
	"save_new": {1: 0.9, 64: 4, 256: 4},
	"load":     {1: 0.9, 64: 2, 256: 2},
}

type row struct {
	Workload  string     `json:"workload"`
	Callers   int        `json:"callers"`
	Floor     float64    `json:"floor,omitempty"`
	StateKeep [3]float64 `json:"statekeep_per_second"` // min, median, max of the rounds; so are the others
	Pgxpool   [3]float64 `json:"pgxpool_per_second"`
	Ratio     [3]float64 `json:"ratio"`
}

func main() {
	dsn := flag.String("dsn", os.Getenv("STATEKEEP_TEST_DSN"), "the server: a URL or words that pgx and libpq both read")
	rounds := flag.Int("rounds", 5, "paired rounds of each row")
	seconds := flag.Float64("seconds", 1, "length of one side of a round")
	callers := flag.String("callers", "1,64,256", "goroutines, by commas")
	flag.Parse()
	if err := run(*dsn, *rounds, time.Duration(*seconds*float64(time.Second)), strings.Split(*callers, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(dsn string, rounds int, length time.Duration, callers []string) error {
	ctx := context.Background()
	ours, err := openStateKeep(ctx, dsn)
	if err != nil {
		return err
	}
	defer ours.close()
	theirs, err := openPgxpool(ctx, dsn)
	if err != nil {
		return err
	}
	defer theirs.close()
	var rows []row
	for _, workload := range []string{"save_new", "load"} {
		for _, text := range callers {
			count, err := strconv.Atoi(text)
			if err != nil {
				return err
			}
			result, err := compare(ctx, ours, theirs, workload, count, rounds, length)
			if err != nil {
				return fmt.Errorf("%s by %d: %w", workload, count, err)
			}
			fmt.Fprintf(os.Stderr, "%-9s %4d callers  statekeep %7.0f/s  pgxpool %7.0f/s  ratio %.2f\n", workload, count,
				result.StateKeep[1], result.Pgxpool[1], result.Ratio[1])
			rows = append(rows, result)
		}
	}
	machine := map[string]any{"cpus": runtime.NumCPU(), "go": runtime.Version(), "rounds": rounds,
		"seconds": length.Seconds(), "server": theirs.version(ctx)}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(map[string]any{"machine": machine, "rows": rows})
}

// compare runs the rounds of one row.
func compare(ctx context.Context, ours, theirs store, workload string, callers, rounds int,
	length time.Duration) (row, error) {
	var ourRates, theirRates, ratios []float64
	for round := 0; round < rounds; round++ {
		pair := []store{ours, theirs}
		if round%2 == 1 {
			pair[0], pair[1] = theirs, ours
		}
		rates := map[store]float64{}
		for _, each := range pair {
			rate, err := measure(ctx, each, workload, callers, length)
			if err != nil {
				return row{}, err
			}
			rates[each] = rate
		}
		ourRates = append(ourRates, rates[ours])
		theirRates = append(theirRates, rates[theirs])
		ratios = append(ratios, rates[ours]/rates[theirs])
	}
	return row{workload, callers, floors[workload][callers], spread(ourRates), spread(theirRates), spread(ratios)}, nil
}

func spread(values []float64) [3]float64 {
	sort.Float64s(values)
	return [3]float64{values[0], values[len(values)/2], values[len(values)-1]}
}
