// The kinds of tokens that a finding may name, in the order that settles a draw.
//
// `words` lists whole words in lower case; the kinds without it are told by form. Python reads
// this literal too (`mosa_edu.viz.components.finding`): keep it JSON.

// deno-fmt-ignore
export const KINDS = [
  {
    "key": "article",
    "one": "is an article",
    "many": "are articles",
    "share": "Articles",
    "chip": "articles",
    "words": ["a", "an", "the"]
  },
  {
    "key": "pronoun",
    "one": "is a pronoun",
    "many": "are pronouns",
    "share": "Pronouns",
    "chip": "pronouns",
    "words": [
      "i", "me", "my", "mine", "myself", "you", "your", "yours", "yourself", "yourselves",
      "he", "him", "his", "himself", "she", "her", "hers", "herself", "it", "its", "itself",
      "we", "us", "our", "ours", "ourselves", "they", "them", "their", "theirs", "themselves",
      "thou", "thee", "thy", "thine", "who", "whom", "whose"
    ]
  },
  {
    "key": "preposition",
    "one": "is a preposition",
    "many": "are prepositions",
    "share": "Prepositions",
    "chip": "prepositions",
    "words": [
      "about", "above", "across", "after", "against", "along", "amid", "among", "around", "at",
      "before", "behind", "below", "beneath", "beside", "between", "beyond", "by", "down",
      "during", "for", "from", "in", "inside", "into", "near", "of", "off", "on", "onto",
      "outside", "over", "past", "round", "through", "throughout", "to", "toward", "towards",
      "under", "underneath", "up", "upon", "with", "within", "without"
    ]
  },
  {
    "key": "conjunction",
    "one": "is a conjunction",
    "many": "are conjunctions",
    "share": "Conjunctions",
    "chip": "conjunctions",
    "words": [
      "although", "and", "as", "because", "but", "if", "lest", "nor", "or", "since", "so",
      "than", "though", "unless", "until", "when", "whereas", "whether", "while", "yet"
    ]
  },
  {
    "key": "punctuation",
    "one": "is a punctuation mark",
    "many": "are punctuation marks",
    "share": "Punctuation marks",
    "chip": "punctuation"
  },
  {
    "key": "piece",
    "one": "is a word piece",
    "many": "are word pieces",
    "share": "Word pieces",
    "chip": "word pieces"
  },
  {
    "key": "capital",
    "one": "is capitalised",
    "many": "are capitalised",
    "share": "Capitalised tokens",
    "chip": "capitals"
  }
];
