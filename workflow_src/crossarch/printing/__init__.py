"""How things look in print, whoever prints them: numbers, lists, figures, what was made up."""
