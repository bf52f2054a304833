package statekeep

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// openCheckpoints opens a store whose checkpoints are in a table of the test's own, whose name it gives, quoted.
func openCheckpoints(t *testing.T) (Checkpoint, string) {
	t.Helper()
	table := fmt.Sprintf(`"checkpoints_%x"`, time.Now().UnixNano())
	store, err := Open(context.Background(), testDSN, Options{Tables: map[string]string{"agent_checkpoints": table}})
	must(t, err)
	t.Cleanup(func() { store.Close() })
	must(t, store.Checkpoint().Setup(context.Background()))
	return store.Checkpoint(), table
}

func TestCheckpointRoundTrip(t *testing.T) {
	ctx := context.Background()
	checkpoints, _ := openCheckpoints(t)
	must(t, checkpoints.Save(ctx, "", map[string]int{"step": 1}))
	must(t, checkpoints.Save(ctx, "null", "null"))
	state := struct{ Step int }{Step: 7}
	if found, err := checkpoints.Load(ctx, "none", &state); found || err != nil || state.Step != 7 {
		t.Errorf("a thread without a state: found %v, %+v, error %v", found, state, err)
	}
	if found, err := checkpoints.Load(ctx, "", &state); !found || err != nil || state.Step != 1 {
		t.Errorf("found %v, %+v, error %v", found, state, err)
	}
	var nothing any = "something"
	if found, err := checkpoints.Load(ctx, "null", &nothing); !found || err != nil || nothing != nil {
		t.Errorf("a stored null: found %v, %v, error %v", found, nothing, err)
	}
	must(t, checkpoints.Delete(ctx, ""))
	must(t, checkpoints.Delete(ctx, ""))
	if found, err := checkpoints.Load(ctx, "", &state); found || err != nil {
		t.Errorf("a deleted state: found %v, error %v", found, err)
	}
}

func TestCheckpointsAreListedCopiedAndLoadedTogether(t *testing.T) {
	ctx := context.Background()
	checkpoints, _ := openCheckpoints(t)
	for number := 0; number < 5; number++ {
		must(t, checkpoints.Save(ctx, fmt.Sprintf("a/%d", number), number))
	}
	must(t, checkpoints.Copy(ctx, "a/3", "b/0"))
	if err := checkpoints.Copy(ctx, "none", "b/1"); !errors.Is(err, ErrAbsent) {
		t.Errorf("a copy of nothing: %v", err)
	}
	for _, list := range []struct {
		prefix        string
		limit, offset int
		want          string
	}{{"", 0, 0, "[b/0 a/4 a/3 a/2 a/1 a/0]"}, {"a/", 2, 1, "[a/3 a/2]"}, {"c", 0, 0, "[]"}} {
		threads, err := checkpoints.List(ctx, list.prefix, list.limit, list.offset)
		if fmt.Sprint(threads) != list.want || err != nil {
			t.Errorf("%+v: %v, error %v", list, threads, err)
		}
	}
	states, err := checkpoints.LoadMany(ctx, "b/0", "none", "a/1")
	must(t, err)
	if got := fmt.Sprintf("%s", states); got != "[{b/0 3} {a/1 1}]" {
		t.Errorf("loaded %s", got)
	}
	if states, err = checkpoints.LoadMany(ctx); len(states) != 0 || err != nil {
		t.Errorf("of no threads: %s, error %v", states, err)
	}
}

// Each run adds 1 to a counter ten times, by load and compare-and-set: every lost save would be missing.
func TestRunsOfOneThreadNeverOverwriteEachOther(t *testing.T) {
	ctx := context.Background()
	checkpoints, _ := openCheckpoints(t)
	must(t, checkpoints.SetupVersions(ctx))
	if version, err := checkpoints.LoadVersion(ctx, "t", new(int)); version != 0 || err != nil {
		t.Fatalf("nothing saved yet: version %d, error %v", version, err)
	}
	version, err := checkpoints.SaveVersion(ctx, "t", 0, 0)
	if version != 1 || err != nil {
		t.Fatalf("the first save: version %d, error %v", version, err)
	}
	if _, err := checkpoints.SaveVersion(ctx, "t", 0, 0); !errors.Is(err, ErrConflict) {
		t.Fatalf("a second first save: %v", err)
	}
	var conflicts atomic.Int64
	var begun sync.WaitGroup // what all four load first is one version, which only one of them can save over
	begun.Add(4)
	each(4, func(int) {
		for turn, saved := 0, 0; saved < 10; turn++ {
			var count int
			version, err := checkpoints.LoadVersion(ctx, "t", &count)
			if turn == 0 {
				begun.Done()
				begun.Wait()
			}
			if err != nil {
				t.Error(err)
				return
			}
			_, err = checkpoints.SaveVersion(ctx, "t", count+1, version)
			switch {
			case err == nil:
				saved++
			case errors.Is(err, ErrConflict):
				conflicts.Add(1)
			default:
				t.Error(err)
				return
			}
		}
	})
	var count int
	version, err = checkpoints.LoadVersion(ctx, "t", &count)
	if count != 40 || version != 41 || err != nil || conflicts.Load() < 3 {
		t.Errorf("count %d, version %d, %d conflicts, error %v", count, version, conflicts.Load(), err)
	}
}

func TestCheckpointsTooOldAreDeleted(t *testing.T) {
	ctx := context.Background()
	checkpoints, _ := openCheckpoints(t)
	each(9, func(number int) {
		if err := checkpoints.Save(ctx, fmt.Sprint(number), number); err != nil {
			t.Error(err)
		}
	})
	for _, days := range []int{1, 0} {
		expired, err := checkpoints.CountExpired(ctx, days)
		must(t, err)
		deleted, err := checkpoints.DeleteExpired(ctx, days, 2)
		if want := int64(9 * (1 - days)); expired != want || deleted != want || err != nil {
			t.Errorf("kept for %d days: %d expired, %d deleted, error %v", days, expired, deleted, err)
		}
	}
	if threads, err := checkpoints.List(ctx, "", 0, 0); len(threads) != 0 || err != nil {
		t.Errorf("left: %v, error %v", threads, err)
	}
}
