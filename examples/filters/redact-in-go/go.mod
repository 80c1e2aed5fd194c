module redact-in-go

go 1.24

require forebay v0.0.0

replace forebay => ../../../sdk/go
