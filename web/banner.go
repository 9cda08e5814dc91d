package web

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxBannerRunes bounds the text of a banner.
const MaxBannerRunes = 200

// Banner is a line above every view, so that nobody takes one cluster for another. The zero value is none.
type Banner struct {
	Text   string
	Colour Colour
}

// Colour is one of a few that can be told apart and read.
type Colour string

// colours are all that there are; the first is that of a banner that names none.
var colours = []Colour{"red", "orange", "green", "blue", "purple", "grey"}

// ParseBanner reads `text` or `colour:text`. What stands before a colon and is no colour belongs to the text.
func ParseBanner(s string) (Banner, error) {
	b := Banner{Text: s, Colour: colours[0]}
	if colour, text, ok := strings.Cut(s, ":"); ok && slices.Contains(colours, Colour(colour)) {
		b = Banner{Text: text, Colour: Colour(colour)}
	}
	b.Text = strings.TrimSpace(b.Text)
	switch {
	case s == "":
		return Banner{}, nil
	case b.Text == "":
		return Banner{}, fmt.Errorf("there is no text in %q", s)
	case !utf8.ValidString(b.Text):
		return Banner{}, fmt.Errorf("the text is not valid UTF-8")
	case utf8.RuneCountInString(b.Text) > MaxBannerRunes:
		return Banner{}, fmt.Errorf("the text has %d characters, the limit is %d", utf8.RuneCountInString(b.Text), MaxBannerRunes)
	case strings.ContainsFunc(b.Text, unicode.IsControl):
		return Banner{}, fmt.Errorf("the text has a control character: it is one line")
	}
	return b, nil
}
