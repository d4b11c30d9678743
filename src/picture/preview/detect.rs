//! What a terminal can show, as the environment tells.

use super::Protocol;

/// Variables say what they say to the programs of today; an empty one says nothing.
struct Env<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Env<'_> {
    fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default()
    }

    fn number(&self, name: &str) -> u64 {
        self.get(name).and_then(|value| value.parse().ok()).unwrap_or(0)
    }
}

impl Protocol {
    /// The best that the terminal is known to show; half blocks where nothing better is known, and inside tmux, screen and
    /// Zellij, which do not pass pictures on.  `env` looks a variable up.
    pub fn detect(env: &dyn Fn(&str) -> Option<String>) -> Protocol {
        let env = Env(env);
        multiplexer(&env).or_else(|| terminal(&env)).unwrap_or_else(|| blocks(&env))
    }

    /// By one of [`super::NAMES`].
    pub fn named(name: &str) -> Option<Protocol> {
        match name {
            "kitty" => Some(Protocol::Kitty),
            "iterm" => Some(Protocol::Iterm),
            "sixel" => Some(Protocol::Sixel),
            "blocks" => Some(Protocol::Blocks),
            "blocks256" => Some(Protocol::Blocks256),
            _ => None,
        }
    }
}

/// Everything that the terminal outside has set is still set inside.
fn multiplexer(env: &Env<'_>) -> Option<Protocol> {
    let term = env.text("TERM");
    // tmux and Zellij bring 24-bit colours down to what the terminal has.
    if env.has("TMUX") || env.has("ZELLIJ") || term.starts_with("tmux") {
        return Some(Protocol::Blocks);
    }
    // screen takes 24-bit colours apart wrongly, and passes COLORTERM of the terminal on.
    (env.has("STY") || term.starts_with("screen")).then_some(Protocol::Blocks256)
}

/// TERM first: every terminal sets it, while other variables may be left from the one that this one was started in.
fn terminal(env: &Env<'_>) -> Option<Protocol> {
    let term = env.text("TERM");
    let begins = |names: &[&str]| names.iter().any(|name| term.starts_with(name));
    if begins(&["xterm-kitty", "xterm-ghostty"]) {
        return Some(Protocol::Kitty);
    }
    if begins(&["wezterm"]) {
        return Some(Protocol::Iterm);
    }
    if begins(&["foot", "mlterm", "contour", "yaft"]) || term.contains("sixel") {
        return Some(Protocol::Sixel);
    }
    if begins(&["dumb", "linux", "alacritty", "st-", "vt", "rxvt", "cons"]) {
        return Some(blocks(env));
    }
    match env.text("TERM_PROGRAM").as_str() {
        "iTerm.app" | "WezTerm" | "mintty" | "rio" => return Some(Protocol::Iterm),
        "ghostty" => return Some(Protocol::Kitty),
        "contour" => return Some(Protocol::Sixel),
        "" => {}
        // One that shows no pictures, or not unless it is told to: what else is set is not its own.
        _ => return Some(blocks(env)),
    }
    if env.has("KITTY_WINDOW_ID") || env.has("GHOSTTY_RESOURCES_DIR") {
        return Some(Protocol::Kitty);
    }
    if env.has("WEZTERM_EXECUTABLE") || env.has("WEZTERM_PANE") || env.text("LC_TERMINAL") == "iTerm2" {
        return Some(Protocol::Iterm);
    }
    // Konsole shows pictures from 22.04 on.
    (env.number("KONSOLE_VERSION") >= 220_400).then_some(Protocol::Kitty)
}

fn blocks(env: &Env<'_>) -> Protocol {
    let term = env.text("TERM");
    let full = matches!(env.text("COLORTERM").as_str(), "truecolor" | "24bit")
        || term.ends_with("-direct")
        || term.contains("truecolor")
        || term.starts_with("alacritty")
        || env.has("WT_SESSION")
        || env.has("KONSOLE_VERSION")
        || env.number("VTE_VERSION") >= 3600;
    // The console of Linux shows 16 colours, of whatever it is sent.
    let none = term == "dumb" || term == "linux";
    if full && !none { Protocol::Blocks } else { Protocol::Blocks256 }
}

#[cfg(test)]
mod tests {
    use super::super::NAMES;
    use super::*;

    #[track_caller]
    fn check(variables: &[(&str, &str)], wanted: Protocol) {
        let env = |name: &str| variables.iter().find(|row| row.0 == name).map(|row| row.1.to_string());
        assert_eq!(Protocol::detect(&env), wanted, "{variables:?}");
    }

    #[test]
    fn terminals_are_known_by_their_variables() {
        use Protocol::*;
        const X: (&str, &str) = ("TERM", "xterm-256color");
        const FULL: (&str, &str) = ("COLORTERM", "truecolor");
        check(&[], Blocks256);
        check(&[X], Blocks256);
        check(&[X, FULL], Blocks);
        check(&[X, ("COLORTERM", "24bit")], Blocks);
        check(&[X, ("VTE_VERSION", "7006")], Blocks);
        check(&[X, ("VTE_VERSION", "3409")], Blocks256);
        check(&[X, ("WT_SESSION", "5f0c")], Blocks);
        check(&[("TERM", "xterm-direct")], Blocks);
        check(&[("TERM", "alacritty")], Blocks);
        check(&[("TERM", "linux"), FULL], Blocks256);
        check(&[("TERM", "dumb"), FULL], Blocks256);
        check(&[("TERM", "xterm-kitty"), FULL], Kitty);
        check(&[X, ("KITTY_WINDOW_ID", "1")], Kitty);
        check(&[X, ("KITTY_WINDOW_ID", "")], Blocks256);
        check(&[("TERM", "xterm-ghostty")], Kitty);
        check(&[X, ("TERM_PROGRAM", "ghostty")], Kitty);
        check(&[X, ("KONSOLE_VERSION", "220401")], Kitty);
        check(&[X, ("KONSOLE_VERSION", "210802")], Blocks);
        check(&[X, ("TERM_PROGRAM", "iTerm.app")], Iterm);
        check(&[X, ("LC_TERMINAL", "iTerm2")], Iterm);
        check(&[X, ("TERM_PROGRAM", "WezTerm"), ("WEZTERM_EXECUTABLE", "wezterm-gui")], Iterm);
        check(&[X, ("WEZTERM_EXECUTABLE", "wezterm-gui")], Iterm);
        check(&[X, ("TERM_PROGRAM", "mintty")], Iterm);
        check(&[("TERM", "foot"), FULL], Sixel);
        check(&[("TERM", "foot-extra")], Sixel);
        check(&[("TERM", "mlterm-256color")], Sixel);
        check(&[X, ("TERM_PROGRAM", "Apple_Terminal")], Blocks256);
    }

    #[test]
    fn what_another_terminal_has_set_does_not_count() {
        use Protocol::*;
        const KITTY: (&str, &str) = ("KITTY_WINDOW_ID", "1");
        const FULL: (&str, &str) = ("COLORTERM", "truecolor");
        check(&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "vscode"), KITTY, FULL], Blocks);
        check(&[("TERM", "alacritty"), KITTY, FULL], Blocks);
        check(&[("TERM", "foot"), ("TERM_PROGRAM", "iTerm.app"), KITTY], Sixel);
        check(&[("TERM", "xterm-kitty"), ("TERM_PROGRAM", "vscode")], Kitty);
    }

    #[test]
    fn multiplexers_get_blocks() {
        use Protocol::*;
        const KITTY: (&str, &str) = ("KITTY_WINDOW_ID", "1");
        const FULL: (&str, &str) = ("COLORTERM", "truecolor");
        check(&[("TERM", "tmux-256color"), KITTY], Blocks);
        check(&[("TERM", "screen-256color"), ("TMUX", "/tmp/tmux-0/default,1,0"), KITTY], Blocks);
        check(&[("TERM", "xterm-kitty"), ("TMUX", "/tmp/tmux-0/default,1,0")], Blocks);
        check(&[("TERM", "screen.xterm-256color"), ("STY", "1.pts"), ("LC_TERMINAL", "iTerm2"), FULL], Blocks256);
        check(&[("TERM", "xterm-kitty"), ("ZELLIJ", "0")], Blocks);
    }

    #[test]
    fn every_name_is_known() {
        let all: Vec<_> = NAMES.iter().filter_map(|name| Protocol::named(name)).collect();
        assert_eq!(all, [Protocol::Kitty, Protocol::Iterm, Protocol::Sixel, Protocol::Blocks, Protocol::Blocks256]);
        assert_eq!(Protocol::named("Kitty"), None);
    }
}
