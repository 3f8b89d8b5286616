package threatqsim

type fileWork struct{}
type mailWork struct{}
type plugin struct{}
