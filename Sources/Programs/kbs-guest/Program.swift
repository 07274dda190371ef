import Arguments
import GuestCommands

@main
enum Program {
    static func main() async { await KBSGuest.main() }
}
