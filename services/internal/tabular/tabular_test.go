package tabular_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/internal/tabular"
)

// read finds out how a file is written and returns its rows, and the errors of those
// that cannot be read as `!line: error`.
func read(t testing.TB, file []byte) (tabular.Encoding, byte, [][]string) {
	t.Helper()
	var s tabular.Sniffer
	_, _ = s.Write(file)
	text, err := tabular.Decode(bytes.NewReader(file), s.Encoding())
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := io.ReadAll(text)
	if err != nil {
		t.Fatal(err)
	}
	d := tabular.Delimiter(string(decoded))
	return s.Encoding(), d, rows(t, iotest.OneByteReader(bytes.NewReader(decoded)), d)
}

func rows(t testing.TB, r io.Reader, d byte) (all [][]string) {
	t.Helper()
	in := tabular.NewReader(r, d)
	for {
		row, err := in.Next()
		switch {
		case errors.Is(err, io.EOF):
			return all
		case err != nil:
			t.Fatal(err)
		case row.Err != nil:
			all = append(all, []string{fmt.Sprintf("!%d: %s", row.Line, row.Err)})
		default:
			all = append(all, row.Cells)
		}
	}
}

func utf16(t *testing.T, e unicode.Endianness, bom unicode.BOMPolicy, text string) []byte {
	t.Helper()
	out, err := unicode.UTF16(e, bom).NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(out)
}

// Files as Excel, LibreOffice and databases write them.
func TestFilesAsTheyAreWritten(t *testing.T) {
	table := [][]string{{"E-Mail", "Name", "Notiz"}, {"ana@example.com", "Ana Müller", "zwei\nZeilen; mit \"Zeichen\""}, {"bo@example.com", "Bö", ""}}
	with := func(d, end string) string {
		return "E-Mail" + d + "Name" + d + "Notiz" + end +
			"ana@example.com" + d + "Ana Müller" + d + "\"zwei" + end + "Zeilen; mit \"\"Zeichen\"\"\"" + end +
			"bo@example.com" + d + "Bö" + d + end
	}
	latin := func(text string) []byte {
		out, err := charmap.Windows1252.NewEncoder().String(text)
		if err != nil {
			t.Fatal(err)
		}
		return []byte(out)
	}
	for name, c := range map[string]struct {
		file      []byte
		encoding  tabular.Encoding
		delimiter byte
	}{
		"LibreOffice":                    {[]byte(with(",", "\n")), tabular.UTF8, ','},
		"Excel, CSV UTF-8":               {[]byte("\xef\xbb\xbf" + with(";", "\r\n")), tabular.UTF8, ';'},
		"Excel, CSV, German":             {latin(with(";", "\r\n")), tabular.Windows1252, ';'},
		"Excel, Unicode text":            {utf16(t, unicode.LittleEndian, unicode.UseBOM, with("\t", "\r\n")), tabular.UTF16LE, '\t'},
		"UTF-16 with semicolons":         {utf16(t, unicode.LittleEndian, unicode.UseBOM, with(";", "\r\n")), tabular.UTF16LE, ';'},
		"UTF-16, big endian":             {utf16(t, unicode.BigEndian, unicode.UseBOM, with(",", "\n")), tabular.UTF16BE, ','},
		"UTF-16 without mark":            {utf16(t, unicode.LittleEndian, unicode.IgnoreBOM, with(";", "\n")), tabular.UTF16LE, ';'},
		"UTF-16 without mark, other way": {utf16(t, unicode.BigEndian, unicode.IgnoreBOM, with(";", "\n")), tabular.UTF16BE, ';'},
		"a database":                     {[]byte(with("|", "\n")), tabular.UTF8, '|'},
		"an old Macintosh":               {[]byte(with(",", "\r")), tabular.UTF8, ','},
		"Excel's own first line":         {[]byte("sep=;\r\n" + with(";", "\r\n")), tabular.UTF8, ';'},
		"rows of nothing at the end":     {[]byte(with(";", "\r\n") + ";;\r\n;;\r\n"), tabular.UTF8, ';'},
	} {
		t.Run(name, func(t *testing.T) {
			encoding, delimiter, got := read(t, c.file)
			if encoding != c.encoding || delimiter != c.delimiter {
				t.Errorf("read as %s with %q", encoding, delimiter)
			}
			if diff := cmp.Diff(table, got); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
		})
	}
}

// The character that tells one encoding from another may come late, and in two parts.
func TestTheWholeFileTellsItsEncoding(t *testing.T) {
	long := strings.Repeat("a,b\n", 50_000)
	for name, c := range map[string]struct {
		end  string
		want tabular.Encoding
	}{
		"nothing":           {"", tabular.UTF8},
		"UTF-8":             {"ü€😀", tabular.UTF8},
		"Windows":           {"\xfc\n", tabular.Windows1252},
		"half a character":  {"\xe2\x82", tabular.Windows1252},
		"broken in between": {"\xe2\x82a", tabular.Windows1252},
	} {
		t.Run(name, func(t *testing.T) {
			for _, step := range []int{1, 2, 3, 1 << 20} {
				var s tabular.Sniffer
				for text := long[:8000] + c.end; text != ""; {
					n := min(step, len(text))
					_, _ = s.Write([]byte(text[:n]))
					text = text[n:]
				}
				if got := s.Encoding(); got != c.want {
					t.Errorf("in steps of %d: %s, want %s", step, got, c.want)
				}
			}
		})
	}
}

// What is wrong with a row is its trouble alone; reading goes on with the next line.
func TestBrokenRows(t *testing.T) {
	long := strings.Repeat("x", tabular.MaxCell+1)
	const bare = "expected a cell with a quote in it to stand in quotes, with that quote doubled"
	for name, c := range map[string]struct {
		file string
		want [][]string
	}{
		"a quote in a cell":       {"a,b\n1,5\" pipe\n2,x\n", [][]string{{"a", "b"}, {"!2: " + bare}, {"2", "x"}}},
		"text after a quote":      {"a,b\n\"1\"x,y\n2,z\n", [][]string{{"a", "b"}, {"!2: " + bare}, {"2", "z"}}},
		"a quote never closed":    {"a,b\n1,\"x\n2,y\n3,z", [][]string{{"a", "b"}, {"!2: expected the quote that opens a cell to be closed"}, {"2", "y"}, {"3", "z"}}},
		"closed by another's":     {"a,b\n1,\"x\n2,\"y\"\n3,z", [][]string{{"a", "b"}, {"!2: " + bare}, {"2", "y"}, {"3", "z"}}},
		"line breaks are counted": {"a,b\n1,\"x\ny\"\n\n2,\"\n", [][]string{{"a", "b"}, {"1", "x\ny"}, {"!5: expected the quote that opens a cell to be closed"}}},
		"NUL":                     {"a,b\n1,x\x00\n2,y\n", [][]string{{"a", "b"}, {"!2: column 2: expected text without NUL"}, {"2", "y"}}},
		"no UTF-8":                {"a,b\n1,\xff\n2,y\n", [][]string{{"a", "b"}, {"!2: column 2: expected UTF-8"}, {"2", "y"}}},
		"a long cell":             {"a,b\n1," + long + "\n2,y\n", [][]string{{"a", "b"}, {"!2: column 2: expected at most 32768 bytes"}, {"2", "y"}}},
		"a long cell in quotes":   {"a,b\n1,\"" + long + "\n\"\n2,y\n", [][]string{{"a", "b"}, {"!2: column 2: expected at most 32768 bytes"}, {"2", "y"}}},
		"a long row":              {"a,b\n" + strings.Repeat("x", 3*tabular.MaxRow) + "\n2,y\n", [][]string{{"a", "b"}, {"!2: expected a row of at most 1048576 bytes"}, {"2", "y"}}},
		"a long row at the end":   {"a,b\n" + strings.Repeat("x", 3*tabular.MaxRow), [][]string{{"a", "b"}, {"!2: expected a row of at most 1048576 bytes"}}},
		"many columns":            {"a" + strings.Repeat(",a", 200) + "\n", [][]string{{"!1: expected at most 200 columns, found 201"}}},
		"an empty file":           {"", nil},
		"nothing but lines":       {"\r\n\n\r , \n", nil},
		"no line end":             {"a,b\n1,\"x\"", [][]string{{"a", "b"}, {"1", "x"}}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, rows(t, strings.NewReader(c.file), ',')); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
		})
	}
	away := errors.New("away")
	r := tabular.NewReader(io.MultiReader(strings.NewReader("a,b\n1"), iotest.ErrReader(away)), ',')
	_, _ = r.Next()
	if _, err := r.Next(); !errors.Is(err, away) {
		t.Errorf("a file that breaks off: %v", err)
	}
}

func TestTimes(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	day := "2026-05-04T00:00:00+02:00"
	for cell, want := range map[string]map[tabular.TimeFormat]string{
		"2026-05-04":                       {tabular.YearFirst: day},
		"2026/05/04":                       {tabular.YearFirst: day},
		"2026-05-04T10:00:00Z":             {tabular.YearFirst: "2026-05-04T10:00:00Z"},
		"2026-05-04 10:00":                 {tabular.YearFirst: "2026-05-04T10:00:00+02:00"},
		"2026-05-04T10:00:00.123456-05:00": {tabular.YearFirst: "2026-05-04T10:00:00.123456-05:00"},
		"2026-05-04 10:00:00 +0530":        {tabular.YearFirst: "2026-05-04T10:00:00+05:30"},
		"2026-05-04 10:00:00 UTC":          {tabular.YearFirst: "2026-05-04T10:00:00Z"},
		"04.05.2026":                       {tabular.DotDayFirst: day},
		"4.5.26 17:30":                     {tabular.DotDayFirst: "2026-05-04T17:30:00+02:00"},
		"04/05/2026":                       {tabular.DayFirst: "2026-05-04T00:00:00+02:00", tabular.MonthFirst: "2026-04-05T00:00:00+02:00"},
		"25/05/2026":                       {tabular.DayFirst: "2026-05-25T00:00:00+02:00"},
		"5/25/2026 3:04 PM":                {tabular.MonthFirst: "2026-05-25T15:04:00+02:00"},
		"5-25-26 12:00:01am":               {tabular.MonthFirst: "2026-05-25T00:00:01+02:00"},
		"4 May 2026":                       {tabular.DayMonth: day},
		"04-May-26 08:00":                  {tabular.DayMonth: "2026-05-04T08:00:00+02:00"},
		"May 4, 2026, 8:00 am":             {tabular.MonthDay: "2026-05-04T08:00:00+02:00"},
		"Sept 4 1999":                      {tabular.MonthDay: "1999-09-04T00:00:00+02:00"},
		"1777852800":                       {tabular.Unix: "2026-05-04T00:00:00Z"},
		"1777852800123":                    {tabular.UnixMillis: "2026-05-04T00:00:00.123Z"},
		"2026-02-30":                       {},
		"31/31/2026":                       {},
		"2026-05-04 25:00":                 {},
		"2026-05-04 13:00 PM":              {},
		"2026-05-04 10:00:0h5":             {},
		"2026-05-04x":                      {},
		"1.2.3.4":                          {},
		"May":                              {},
		"12:30":                            {},
		"0000-01-01":                       {},
	} {
		for _, f := range tabular.TimeFormats() {
			got, ok := f.Parse(cell, berlin)
			if ok != (want[f] != "") || ok && got.Format(time.RFC3339Nano) != want[f] {
				t.Errorf("%q as %s: %v %v, want %s", cell, f, got.Format(time.RFC3339Nano), ok, want[f])
			}
		}
	}
}

func TestColumns(t *testing.T) {
	for name, c := range map[string]struct {
		cells             []string
		format            tabular.TimeFormat
		ambiguous         bool
		numbers, booleans int
	}{
		"days first":          {[]string{"04/05/2026", "25/05/2026"}, tabular.DayFirst, false, 0, 0},
		"months first":        {[]string{"04/05/2026", "05/25/2026"}, tabular.MonthFirst, false, 0, 0},
		"nobody can tell":     {[]string{"04/05/2026", "05/06/2026"}, tabular.DayFirst, true, 0, 0},
		"both":                {[]string{"25/05/2026", "05/25/2026", "05/26/2026"}, tabular.MonthFirst, true, 0, 0},
		"dots are days first": {[]string{"04.05.2026"}, tabular.DotDayFirst, false, 0, 0},
		"one cell is wrong":   {[]string{"2026-05-04", "soon", "2026-05-06"}, tabular.YearFirst, false, 0, 0},
		"numbers":             {[]string{"1", "-2.5", "", "0"}, "", false, 3, 0},
		"postal codes":        {[]string{"01234", "10115"}, "", false, 1, 0},
		"long numbers":        {[]string{"12345678901234567"}, "", false, 0, 0},
		"answers":             {[]string{"Yes", "no", "TRUE", "1"}, "", false, 1, 3},
	} {
		t.Run(name, func(t *testing.T) {
			var column tabular.Column
			for _, cell := range c.cells {
				column.Add(cell)
			}
			format, ambiguous := column.TimeFormat()
			if format != c.format || ambiguous != c.ambiguous || column.Numbers != c.numbers || column.Booleans != c.booleans {
				t.Errorf("%s %v, %d numbers, %d booleans", format, ambiguous, column.Numbers, column.Booleans)
			}
		})
	}
}

func TestEscaped(t *testing.T) {
	for cell, want := range map[string]string{
		"=1+1": "'=1+1", "+49 30 1": "'+49 30 1", "-5": "'-5", "@a": "'@a", "\tx": "'\tx", "\rx": "'\rx",
		"'=x": "''=x", "''": "'''", "'tis": "'tis", "'": "'", "": "", "a=b": "a=b",
	} {
		if got := tabular.Escape(cell); got != want {
			t.Errorf("%q is written %q, want %q", cell, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		cell := rapid.StringOf(rapid.RuneFrom([]rune("'=+-@\t\ra\""))).Draw(t, "cell")
		if got := tabular.Unescape(tabular.Escape(cell)); got != cell {
			t.Fatalf("%q came back as %q", cell, got)
		}
	})
}

// What Writer writes, Reader reads.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cell := rapid.StringOf(rapid.RuneFrom([]rune("'=+,;\"\n a\tü")))
		table := rapid.SliceOf(rapid.SliceOfN(cell, 3, 3)).Draw(t, "table")
		var out bytes.Buffer
		w := tabular.NewWriter(&out)
		for i := range table {
			table[i][0] = "x" + table[i][0] // rows of nothing are left out
			_ = w.Write(table[i]...)
		}
		_ = w.Flush()
		r := tabular.NewReader(&out, ',')
		for i := range table {
			row, err := r.Next()
			if err != nil || row.Err != nil {
				t.Fatalf("row %d: %v %v", i, err, row.Err)
			}
			for j := range row.Cells {
				row.Cells[j] = tabular.Unescape(row.Cells[j])
			}
			if diff := cmp.Diff(table[i], row.Cells); diff != "" {
				t.Fatal(diff)
			}
		}
		if _, err := r.Next(); !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
	})
}

func TestTable(t *testing.T) {
	for name, c := range map[string]struct {
		file   string
		header []string
		rows   [][]string
		err    string
	}{
		"a header and rows":   {" a ,b\n1,2\n", []string{"a", "b"}, [][]string{{"1", "2"}}, ""},
		"a header alone":      {"a,b\n", []string{"a", "b"}, nil, ""},
		"columns of nothing":  {"a,b,,\n1,2,,\n1,2\n1,2,3,\n", []string{"a", "b"}, [][]string{{"1", "2"}, {"1", "2"}, {"1", "2", "3"}}, ""},
		"rejected rows":       {"line,reason,'=a,b\n7,no,'+49,''x\n8,no\n", []string{"=a", "b"}, [][]string{{"+49", "'x"}, {}}, ""},
		"empty":               {"\n\n", nil, nil, "expected a header row, found an empty file"},
		"no name":             {"a,,b\n", nil, nil, "column 2 has no name"},
		"twice":               {"a,b,a\n", nil, nil, `column "a" stands in the file twice`},
		"broken":              {"a,\"b\n", nil, nil, "the header row cannot be read: expected the quote that opens a cell to be closed"},
		"two hundred and one": {"a" + strings.Repeat(",b", 200), nil, nil, "the header row cannot be read: expected at most 200 columns, found 201"},
	} {
		t.Run(name, func(t *testing.T) {
			table, err := tabular.NewTable(strings.NewReader(c.file), ',')
			if c.err != "" || err != nil {
				if err == nil || err.Error() != c.err {
					t.Errorf("error %v, want %s", err, c.err)
				}
				return
			}
			var got [][]string
			for {
				row, err := table.Next()
				if err != nil {
					break
				}
				got = append(got, row.Cells)
			}
			if diff := cmp.Diff(c.header, table.Header); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.rows, got); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
		})
	}
}

// memory is what reading any file may take, in bytes, the file itself aside.
const memory = 32 << 20

func FuzzReader(f *testing.F) {
	for _, seed := range []string{"a,b\n1,2\n", "\xef\xbb\xbfa;b\r\n\"x\ny\";2", "\xff\xfea\x00;\x00b\x00\n\x00", "a\n\"", "\"\"\"\n,\"", "a|b\r1|\xff", "sep=;\n;"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var s tabular.Sniffer
		_, _ = s.Write(file)
		text, err := tabular.Decode(bytes.NewReader(file), s.Encoding())
		if err != nil {
			t.Fatal(err)
		}
		decoded, _ := io.ReadAll(text)
		r := tabular.NewReader(bytes.NewReader(decoded), tabular.Delimiter(string(decoded[:min(len(decoded), 64<<10)])))
		var columns [8]tabular.Column
		for line, rows := 0, 0; ; rows++ {
			row, err := r.Next()
			if err != nil {
				break
			}
			if row.Line <= line || len(row.Cells) == 0 || rows > len(decoded) {
				t.Fatalf("line %d after %d with %d cells", row.Line, line, len(row.Cells))
			}
			line = row.Line
			for i, c := range row.Cells {
				if row.Err == nil && len(c) > tabular.MaxCell {
					t.Fatal("a cell over its limit")
				}
				columns[i%len(columns)].Add(strings.TrimSpace(c))
			}
		}
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > memory+20*uint64(len(file)) {
			t.Fatalf("%d bytes took %d bytes of memory", len(file), took)
		}
	})
}

// A hostile file takes time in proportion to its length.
func TestNoFileTakesLong(t *testing.T) {
	for name, line := range map[string]string{
		"open quotes": "\"a\n", "doubled quotes": "\"\"\"\n", "quotes and commas": ",\"\n", "closing and opening": "\",b,\"c\n", "empty": "\n", "commas": ",",
	} {
		t.Run(name, func(t *testing.T) {
			file := "\"" + strings.Repeat(line, (4<<20)/len(line))
			began := time.Now()
			r := tabular.NewReader(strings.NewReader(file), ',')
			for {
				if _, err := r.Next(); err != nil {
					break
				}
			}
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}
