// Package diff says what differs between two standards, in the words of the trade:
// `Downloaded an ebook: 20 → 15 points`.
//
// It is a pure function over two messages and knows the language of standards only by
// its descriptors, so that a field that is added to the language is compared without
// a change here. What people read is made in words.go: a table has words for the fields
// there are, and any other field is read out by its name.
//
// How it compares:
//
//   - Members of lists that have an id (or a label, …) are the same member if they have
//     the same id, wherever they stand. One whose id alone changed, or whose words
//     stayed, is the same under another id.
//   - Other members are the same if they are equal, else if they ask the same question;
//     what is left is paired in order.
//   - A member that stands elsewhere in its list, or in another list, has moved.
//   - A small message that reads as one phrase, `once a month`, changes as a whole.
//
// The law that its tests hold: whoever applies the changes to the old one has the new
// one. So nothing that differs is missed, and no changes means that they are equal.
package diff
