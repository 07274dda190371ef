import Glibc

/// What a program was started with, and what it is shown on.
enum Terminal {
    /// Makes standard output's failures visible: as errors instead of a signal, and never in a file that was opened
    /// under its number because it was closed.
    static func prepare() {
        signal(SIGPIPE, SIG_IGN)
        for number: Int32 in 0...2 where fcntl(number, F_GETFD) < 0 {
            // The lowest free number is this one. Reading standard input and writing to the others still fails.
            _ = open("/dev/null", number == 0 ? O_WRONLY : O_RDONLY)
        }
    }

    /// How many characters fit on a line.
    static var width: Int {
        if let text = getenv("COLUMNS"), let width = Int(String(cString: text)), width > 0 { return width }
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// Ends as every program does whose reader has gone: by the signal, which shells show as 141 and without a word.
    static func endWithoutReader() -> Never {
        signal(SIGPIPE, SIG_DFL)
        raise(SIGPIPE)
        // The first process of a container is spared its signals.
        exit(128 + SIGPIPE)
    }
}
