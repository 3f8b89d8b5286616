package pdf

// Rewrite is what the rescue has pdfcpu do.
var Rewrite = rewrite
