// Package steward decides who answers for an identity: which of an
// organisation's ordered rules settles it ([RuleSet.Settle]), who could be
// asked where no rule does ([Suggest]), and who takes over from somebody who
// left ([Succeed]).
//
// Everything here is a pure function of what it is given. What it decides is
// kept with the reason, so that "why is this mine?" always has an answer.
package steward
