module github.com/assay-hq/assay/standards

go 1.26.0
