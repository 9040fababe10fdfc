package people

import (
	"google.golang.org/protobuf/proto"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/schedule"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// Timetable is when somebody works, as they and their teams say.
type Timetable struct {
	// Own are their own working hours; nil: they have none.
	Own *typev1.WorkingHours
	// Absences are the times away.
	Absences []schedule.Absence

	teams []teamHours // in the order of their ids
}

type teamHours struct {
	id    string
	hours *typev1.WorkingHours
}

// Team are the working hours of a team that they are in; of a team without, or if it is
// not one of theirs, those of their first team that has some. Nil: none has.
func (t *Timetable) Team(id string) (hours *typev1.WorkingHours) {
	if t == nil {
		return nil
	}
	for _, team := range t.teams {
		if team.id == id && team.hours != nil {
			return team.hours
		}
		if hours == nil {
			hours = team.hours
		}
	}
	return hours
}

// TimetablesIn returns the timetables of users, by id; who does not exist is not in it.
func TimetablesIn(from Querier, users []string) (map[string]*Timetable, error) {
	tables := map[string]*Timetable{}
	for chunk := range chunks(users) {
		rows, err := from.Query(`SELECT user_id, content FROM users WHERE user_id IN (`+sqldb.List(1, len(chunk))+`)`, texts(chunk)...)
		_, err = all(rows, err, func(row interface{ Scan(...any) error }) (struct{}, error) {
			var id string
			var content []byte
			var u handoffv1.User
			if err := row.Scan(&id, &content); err != nil {
				return struct{}{}, err
			}
			err := proto.Unmarshal(content, &u)
			t := &Timetable{Own: u.GetWorkingHours()}
			for _, a := range u.GetAbsences() {
				t.Absences = append(t.Absences, schedule.Absence{Start: a.GetStartTime().AsTime(), End: a.GetEndTime().AsTime()})
			}
			tables[id] = t
			return struct{}{}, err
		})
		if err != nil {
			return nil, err
		}
		rows, err = from.Query(`SELECT m.user_id, t.team_id, t.content FROM team_members m JOIN teams t ON t.team_id = m.team_id
			WHERE m.user_id IN (`+sqldb.List(1, len(chunk))+`) ORDER BY t.team_id`, texts(chunk)...)
		_, err = all(rows, err, func(row interface{ Scan(...any) error }) (struct{}, error) {
			var user, team string
			var content []byte
			var t handoffv1.Team
			if err := row.Scan(&user, &team, &content); err != nil {
				return struct{}{}, err
			}
			err := proto.Unmarshal(content, &t)
			if table := tables[user]; table != nil {
				table.teams = append(table.teams, teamHours{team, t.GetWorkingHours()})
			}
			return struct{}{}, err
		})
		if err != nil {
			return nil, err
		}
	}
	return tables, nil
}

// ManagersIn returns the ids of the users who lead teams, by the id of the team; a team
// that nobody leads is not in it.
func ManagersIn(from Querier, teams []string) (map[string]string, error) {
	managers := map[string]string{}
	for chunk := range chunks(teams) {
		rows, err := from.Query(`SELECT team_id, manager FROM teams WHERE manager <> '' AND team_id IN (`+sqldb.List(1, len(chunk))+`)`, texts(chunk)...)
		_, err = all(rows, err, func(row interface{ Scan(...any) error }) (struct{}, error) {
			var team, manager string
			err := row.Scan(&team, &manager)
			managers[team] = manager
			return struct{}{}, err
		})
		if err != nil {
			return nil, err
		}
	}
	return managers, nil
}
