package statestore

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
)

// The shapes of go-utils: structured methods and factories with types of their own in their signatures, a Sugar() that
// has plain ones.
type (
	field        interface{ Key() string }
	metricOption func()
	testCounter  struct{ count int }
	testSamples  struct{ values []float64 }
	testMetrics  struct {
		counters   map[string]*testCounter
		histograms map[string]*testSamples
	}
	testLogger struct {
		mu    sync.Mutex
		lines []string
	}
	testSugar struct{ logger *testLogger }
)

func (c *testCounter) Inc()                  { c.count++ }
func (s *testSamples) Observe(value float64) { s.values = append(s.values, value) }

func (m *testMetrics) Counter(name string, _ ...metricOption) *testCounter {
	if m.counters[name] == nil {
		m.counters[name] = &testCounter{}
	}
	return m.counters[name]
}

func (m *testMetrics) Histogram(name string, _ ...metricOption) *testSamples {
	if m.histograms[name] == nil {
		m.histograms[name] = &testSamples{}
	}
	return m.histograms[name]
}

func (l *testLogger) Debug(string, ...field) {}
func (l *testLogger) Sugar() *testSugar      { return &testSugar{l} }

func (l *testLogger) add(level, message string, keysAndValues []any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	line := level + " " + message
	for i := 0; i < len(keysAndValues); i += 2 {
		if line += fmt.Sprint(" ", keysAndValues[i]); keysAndValues[i] != "duration" {
			line += fmt.Sprint("=", keysAndValues[i+1])
		}
	}
	l.lines = append(l.lines, line)
}

func (s *testSugar) Debugw(message string, keysAndValues ...any) {
	s.logger.add("debug", message, keysAndValues)
}

func (s *testSugar) Infow(message string, keysAndValues ...any) {
	s.logger.add("info", message, keysAndValues)
}

func TestMetricsAndLogs(t *testing.T) {
	ctx := context.Background()
	metrics := &testMetrics{map[string]*testCounter{}, map[string]*testSamples{}}
	logger := &testLogger{}
	table := testTable(t)
	store, err := Open[AgentState](ctx, Config{ConnString: testDSN, TableName: table, Logger: logger, Metrics: metrics})
	must(t, err)
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	state := &AgentState{AgentID: "a", SessionID: "s"}
	must(t, store.Save(ctx, state))
	for _, failing := range []error{store.Save(ctx, nil), store.Save(cancelled, state)} {
		if failing == nil {
			t.Error("no error")
		}
	}
	_, err = store.Load(ctx, "a", "s")
	must(t, err)
	if _, err = store.Load(ctx, "a", "missing"); err == nil {
		t.Error("no error")
	}
	_, err = store.List(ctx, "a")
	must(t, err)
	must(t, store.Delete(ctx, "a", "s"))
	must(t, store.Close())

	counts := map[string]int{}
	for name, counter := range metrics.counters {
		counts[strings.TrimPrefix(name, metricPrefix)] = counter.count
	}
	if want := map[string]int{"save": 1, "load": 1, "list": 1, "delete": 1}; !reflect.DeepEqual(counts, want) {
		t.Errorf("counters %v, want %v", counts, want)
	}
	samples := map[string]int{}
	for name, histogram := range metrics.histograms {
		samples[strings.TrimPrefix(name, metricPrefix)] = len(histogram.values)
	}
	want := map[string]int{"save_duration": 2, "load_duration": 2, "list_duration": 1, "sessions": 1}
	if !reflect.DeepEqual(samples, want) {
		t.Errorf("histograms %v, want %v", samples, want)
	}
	if values := metrics.histograms[metricPrefix+"sessions"].values; values[0] != 1 {
		t.Errorf("sessions %v", values)
	}
	lines := []string{
		"debug schema initialized table=" + table,
		"info postgres state store initialized table=" + table,
		"debug saved state to postgres agent_id=a session_id=s duration",
		"debug loaded state from postgres agent_id=a session_id=s duration",
		"debug listed sessions from postgres agent_id=a count=1 duration",
		"debug deleted state from postgres agent_id=a session_id=s duration",
		"info postgres state store closed",
	}
	if !reflect.DeepEqual(logger.lines, lines) {
		t.Errorf("logged\n%s\nwant\n%s", strings.Join(logger.lines, "\n"), strings.Join(lines, "\n"))
	}
}

func TestHooksOfOtherKinds(t *testing.T) {
	config := Config{ConnString: testDSN, Logger: 7}
	if _, err := Open[AgentState](context.Background(), config); err == nil || !strings.Contains(err.Error(), "Config.Logger") {
		t.Errorf("a number as a logger: %v", err)
	}
	config = Config{ConnString: testDSN, Metrics: &testLogger{}}
	if _, err := Open[AgentState](context.Background(), config); err == nil || !strings.Contains(err.Error(), "Config.Metrics") {
		t.Errorf("a logger as metrics: %v", err)
	}
}
