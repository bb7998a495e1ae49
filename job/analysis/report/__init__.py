"""One page that a researcher can put beside a paper and a credit officer can read, made from stored results alone."""
