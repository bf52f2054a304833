module github.com/statekeep/statekeep/go/statestore/peer

go 1.24.0

require (
	github.com/jackc/pgx/v5 v5.8.0
	github.com/statekeep/statekeep v0.0.0
	github.com/xraph/go-utils v0.0.10
)

require (
	github.com/beorn7/perks v1.0.1 // indirect
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	go.uber.org/multierr v1.11.0 // indirect
	go.uber.org/zap v1.27.1 // indirect
	golang.org/x/text v0.32.0 // indirect
)

replace github.com/statekeep/statekeep => ../../..
