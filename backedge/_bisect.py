"""`backedge bisect`: which loop, then which pass, makes a check fail."""


def main(options):
    raise NotImplementedError
