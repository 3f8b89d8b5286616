// Package wasmextractors holds what authors of extractor modules start from: the
// libraries (sdk) and the projects that `tqmailrules ext new` makes (templates),
// as files. It holds no code that runs in the program.
package wasmextractors

import "embed"

// Files are the folders sdk and templates. In templates, @NAME@ stands for the
// name of the project, and a file name may end in .tmpl, which goes.
//
//go:embed sdk templates
var Files embed.FS

// Modules are the example modules that the demo runs: NAME/NAME.wasm.
//
//go:embed wallets-c/wallets-c.wasm phishkit/phishkit.wasm ticket/ticket.wasm
var Modules embed.FS
