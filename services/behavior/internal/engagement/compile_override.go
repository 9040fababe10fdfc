package engagement

import "fmt"

// overrides makes room for what sets the shown score, and waits for the activities that
// do. How it is shown is read from the state.
func (b *compiler) overrides() {
	for i := range b.model.Overrides {
		in := &b.model.Overrides[i]
		path := fmt.Sprintf("overrides[%d]", i)
		b.id(path+".id", in.ID)
		b.checkPoints(path+".points", in.Points)
		if in.If != nil && (in.When != "" || in.PerUnit != nil || len(in.Until) > 0) {
			b.problem(path+".if", "must not be given beside when, perUnit or until")
		}
		if in.PerUnit != nil && in.Points != 0 {
			b.problem(path, "must give points or perUnit, not both")
		}
		b.types(path+".activities", in.Activities)
		b.types(path+".until", in.Until)
		b.out.overrides++
		if in.If == nil {
			b.out.triggers = append(b.out.triggers,
				trigger{act: dropAct, of: i, types: in.Until},
				trigger{
					act: setAct, of: i, types: in.Activities, points: in.Points,
					when: b.when(path+".when", in.When, activityVars), amount: b.perUnit(path+".perUnit", in.PerUnit, activityVars),
				})
		}
	}
}
