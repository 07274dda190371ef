import Arguments
import SampleCommands

@main
enum SampleProgram {
    static func main() async { await Sample.main() }
}
