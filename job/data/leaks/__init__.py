"""The leak alarm: columns that know more of a default than anybody could when the loan was granted."""
