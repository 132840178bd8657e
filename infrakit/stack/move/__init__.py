"""An app with its data from one host of the file to another: away from here, taken there, confirmed or taken back."""
