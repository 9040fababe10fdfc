package engagement

import "fmt"

// visitPause begins another visit where nothing else says when, in microseconds.
const visitPause = 30 * 60 * microsPerSecond

func (b *compiler) sharedLimits() {
	for i := range b.model.SharedLimits {
		in := &b.model.SharedLimits[i]
		path := fmt.Sprintf("sharedLimits[%d]", i)
		b.id(path+".id", in.ID)
		limit, _ := b.limit(path+".limit", &in.Limit)
		if len(in.Rules) == 0 {
			b.problem(path+".rules", "must name at least one rule or group")
		}
		b.later(func() {
			for _, r := range b.within(path+".rules", in.Rules) {
				rule := &b.out.rules[r]
				for t := range b.out.triggers {
					trigger := &b.out.triggers[t]
					if (trigger.act == giveAct || trigger.act == followAct) && trigger.of == r {
						key := b.key(path+".limit.perValue", &in.Limit, trigger)
						rule.limits = append(rule.limits, ruleLimit{limit: limit, key: key})
					}
				}
				if len(rule.limits) == 1 {
					rule.words[Limited] = fmt.Sprintf("%s: only the first %s, of several rules", rule.description, &in.Limit)
				}
			}
		})
	}
}
