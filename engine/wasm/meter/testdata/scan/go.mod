module scan

go 1.26
