import Arguments
import Commands
import HTTPClient

@main
enum Program {
    static func main() async {
        // Before there is another thread, since it changes the environment.
        HTTPClientLibrary.prepareProcess()
        await KBS.main()
    }
}
