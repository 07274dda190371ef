import Glibc

/// The program's standard streams and terminal.
enum Terminal {
    /// Makes failures of the standard streams errors: instead of SIGPIPE, and instead of writing to a file that gets the
    /// number of a closed stream.
    static func prepare() {
        signal(SIGPIPE, SIG_IGN)
        for number: Int32 in 0...2 where fcntl(number, F_GETFD) < 0 {
            // Gets this number, the lowest free one. Reading standard input and writing to the others still fails.
            _ = open("/dev/null", number == 0 ? O_WRONLY : O_RDONLY)
        }
    }

    /// In characters.
    static var width: Int {
        if let text = getenv("COLUMNS"), let width = Int(String(cString: text)), width > 0 { return width }
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// Ends by SIGPIPE, as programs do whose reader has closed the pipe: shells show status 141 and no message.
    static func endWithoutReader() -> Never {
        signal(SIGPIPE, SIG_DFL)
        raise(SIGPIPE)
        // Process 1 of a container ignores the signal's default.
        exit(128 + SIGPIPE)
    }
}
