package statestore

import (
	"fmt"
	"reflect"
	"time"
)

// The names of the metrics, after metricPrefix.
const (
	metricPrefix = "forge.integrations.postgres.statestore."

	saveCount    = "save"
	loadCount    = "load"
	deleteCount  = "delete"
	listCount    = "list"
	saveDuration = "save_duration" // seconds; so are load_duration and list_duration
	loadDuration = "load_duration"
	listDuration = "list_duration"
	sessionsSize = "sessions" // sessions given by one List
)

type counter interface{ Inc() }

type histogram interface{ Observe(float64) }

// structuredLogger is what go-utils' SugarLogger, zap's SugaredLogger and the like offer.
type structuredLogger interface {
	Debugw(message string, keysAndValues ...any)
	Infow(message string, keysAndValues ...any)
}

// slogLogger is what log/slog's *Logger offers.
type slogLogger interface {
	Debug(message string, args ...any)
	Info(message string, args ...any)
}

// formatLogger is the rest that go-utils' loggers offer without types of their own: all there is where Sugar() gives nil.
type formatLogger interface {
	Debugf(template string, args ...any)
	Infof(template string, args ...any)
}

// messagesOnly logs without the values, so that the message stays the whole text.
func messagesOnly(log func(template string, args ...any)) func(string, ...any) {
	return func(message string, _ ...any) { log("%s", message) }
}

// hooks are the caller's logger and metrics, looked up once. The methods of go-utils have named types in their
// signatures, so without importing it they are reached by reflection; what they return satisfies plain interfaces.
type hooks struct {
	debugLog   func(message string, keysAndValues ...any) // nil without a logger, as is infoLog
	infoLog    func(message string, keysAndValues ...any)
	counters   map[string]counter
	histograms map[string]histogram
}

func newHooks(logger, metrics any) (hooks, error) {
	h := hooks{}
	if err := h.useLogger(logger); err != nil {
		return h, err
	}
	return h, h.useMetrics(metrics)
}

func (h *hooks) useLogger(logger any) error {
	if logger == nil {
		return nil
	}
	if method := reflect.ValueOf(logger).MethodByName("Sugar"); method.IsValid() && callable(method, 0, 1) {
		if sugar, ok := method.Call(nil)[0].Interface().(structuredLogger); ok {
			logger = sugar
		}
	}
	switch known := logger.(type) {
	case structuredLogger:
		h.debugLog, h.infoLog = known.Debugw, known.Infow
	case slogLogger:
		h.debugLog, h.infoLog = known.Debug, known.Info
	case formatLogger:
		h.debugLog, h.infoLog = messagesOnly(known.Debugf), messagesOnly(known.Infof)
	default:
		return fmt.Errorf("statestore: Config.Logger: %T has neither Debugw and Infow, nor Debugf and Infof, "+
			"nor a Sugar() that has", logger)
	}
	return nil
}

func (h *hooks) useMetrics(metrics any) error {
	if metrics == nil {
		return nil
	}
	h.counters = map[string]counter{}
	h.histograms = map[string]histogram{}
	for _, name := range []string{saveCount, loadCount, deleteCount, listCount} {
		metric, ok := makeMetric(metrics, "Counter", name).(counter)
		if !ok {
			return fmt.Errorf("statestore: Config.Metrics: %T has no Counter(name) that gives a value with Inc()", metrics)
		}
		h.counters[name] = metric
	}
	for _, name := range []string{saveDuration, loadDuration, listDuration, sessionsSize} {
		metric, ok := makeMetric(metrics, "Histogram", name).(histogram)
		if !ok {
			return fmt.Errorf("statestore: Config.Metrics: %T has no Histogram(name) that gives a value with Observe(float64)",
				metrics)
		}
		h.histograms[name] = metric
	}
	return nil
}

// makeMetric calls a factory method with a metric's name and no options; nil when it is not such a method.
func makeMetric(metrics any, method, name string) any {
	factory := reflect.ValueOf(metrics).MethodByName(method)
	if !factory.IsValid() || !callable(factory, 1, 1) || factory.Type().In(0).Kind() != reflect.String {
		return nil
	}
	argument := reflect.ValueOf(metricPrefix + name).Convert(factory.Type().In(0))
	return factory.Call([]reflect.Value{argument})[0].Interface()
}

// callable says whether a method can be called with so many arguments, apart from variadic ones.
func callable(method reflect.Value, arguments, results int) bool {
	fixed := method.Type().NumIn()
	if method.Type().IsVariadic() {
		fixed--
	}
	return fixed == arguments && method.Type().NumOut() == results
}

func (h *hooks) count(name string) {
	if metric := h.counters[name]; metric != nil {
		metric.Inc()
	}
}

func (h *hooks) sample(name string, value float64) {
	if metric := h.histograms[name]; metric != nil {
		metric.Observe(value)
	}
}

func (h *hooks) observe(name string, start time.Time) {
	h.sample(name, time.Since(start).Seconds())
}

func (h *hooks) debug(message string, keysAndValues ...any) {
	if h.debugLog != nil {
		h.debugLog(message, keysAndValues...)
	}
}

func (h *hooks) info(message string, keysAndValues ...any) {
	if h.infoLog != nil {
		h.infoLog(message, keysAndValues...)
	}
}

// done logs a call on one state that went well.
func (h *hooks) done(message, agentID, sessionID string, start time.Time) {
	if h.debugLog != nil {
		h.debugLog(message, "agent_id", agentID, "session_id", sessionID, "duration", time.Since(start))
	}
}
