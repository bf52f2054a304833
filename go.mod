module github.com/statekeep/statekeep

go 1.19
