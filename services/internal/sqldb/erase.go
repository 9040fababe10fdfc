package sqldb

import "context"

// Erase deletes the rows of tables that have one of some values in a column, and returns how
// many went from each table. Erasing again does no harm. What was deleted is unreadable after
// [DB.Scrub].
func (db *DB) Erase(ctx context.Context, tables []string, column string, values []string) (gone map[string]int32, err error) {
	args := make([]any, len(values))
	for i, value := range values {
		args[i] = value
	}
	err = db.Write(ctx, func(tx *Tx) error {
		gone = map[string]int32{}
		for _, table := range tables {
			n, err := tx.Affected(`DELETE FROM `+table+` WHERE `+column+` IN (`+List(1, len(args))+`)`, args...)
			if err != nil {
				return err
			}
			if n > 0 {
				gone[table] = int32(n)
			}
		}
		return nil
	})
	return gone, err
}
