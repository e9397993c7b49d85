//! The words of the status page, in Chinese and English.

use crate::activity::Work;
use crate::report::Standing;

/// Language of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    Chinese,
    English,
}

impl Language {
    /// By `?lang=`, else the language that `Accept-Language` likes best (RFC 9110, 12.5.4), else
    /// English.
    pub fn choose(asked: Option<&str>, accepted: Option<&str>) -> Self {
        if let Some(language) = asked.and_then(Self::of) {
            return language;
        }
        let mut best = (0.0, Self::English);
        for part in accepted.unwrap_or_default().split(',') {
            let mut pieces = part.split(';');
            let Some(language) = pieces.next().and_then(Self::of) else { continue };
            let weight = pieces.find_map(|piece| piece.trim().strip_prefix("q="));
            let weight = weight.map_or(1.0, |text| text.parse().unwrap_or(0.0));
            if weight > best.0 {
                best = (weight, language);
            }
        }
        best.1
    }

    fn of(tag: &str) -> Option<Self> {
        match tag.trim().split('-').next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "zh" => Some(Self::Chinese),
            "en" => Some(Self::English),
            _ => None,
        }
    }

    /// Tag of the document.
    pub fn tag(self) -> &'static str {
        self.pick("zh-CN", "en")
    }

    /// The one of two texts that is in this language.
    pub fn pick<'a>(self, chinese: &'a str, english: &'a str) -> &'a str {
        match self {
            Self::Chinese => chinese,
            Self::English => english,
        }
    }

    pub fn standing(self, standing: Standing) -> &'static str {
        match standing {
            Standing::Stopped => self.pick("已停止", "stopped"),
            Standing::Blocked => self.pick("受阻", "blocked"),
            Standing::Overdue => self.pick("严重延迟", "overdue"),
            Standing::Late => self.pick("延迟", "late"),
            Standing::Fresh => self.pick("新鲜", "fresh"),
            Standing::Elsewhere => self.pick("未知", "not known here"),
        }
    }

    pub fn work(self, work: Work) -> &'static str {
        match work {
            Work::Fold => self.pick("正在合并当前表", "folding into current"),
            Work::Refresh => self.pick("正在刷新专题表", "refreshing subject table"),
            Work::Maintain => self.pick("正在维护", "maintaining"),
        }
    }

    /// A span in its largest unit.
    pub fn span(self, seconds: u64) -> String {
        let (number, chinese, english) = match seconds {
            0..120 => (seconds, "秒", "s"),
            120..7_200 => (seconds / 60, "分钟", "min"),
            7_200..172_800 => (seconds / 3_600, "小时", "h"),
            _ => (seconds / 86_400, "天", "d"),
        };
        format!("{number} {}", self.pick(chinese, english))
    }

    pub fn ago(self, seconds: i64) -> String {
        let span = self.span(u64::try_from(seconds).unwrap_or(0));
        format!("{span}{}", self.pick("前", " ago"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_the_one_asked_for_or_liked_best() {
        use Language::{Chinese, English};
        let cases = [
            (None, None, English),
            (None, Some("zh-CN,zh;q=0.9,en;q=0.8"), Chinese),
            (None, Some("de, en;q=0.7, zh;q=0.3"), English),
            (None, Some("en;q=0.2, zh-Hant;q=0.4"), Chinese),
            (None, Some("zh;q=0"), English),
            (Some("en"), Some("zh"), English),
            (Some("zh"), Some("en"), Chinese),
            (Some("\"><script>"), Some("zh"), Chinese),
        ];
        for (asked, accepted, expected) in cases {
            assert_eq!(Language::choose(asked, accepted), expected, "{asked:?} {accepted:?}");
        }
    }

    #[test]
    fn spans_are_told_in_their_largest_unit() {
        assert_eq!(Language::English.span(119), "119 s");
        assert_eq!(Language::Chinese.span(600), "10 分钟");
        assert_eq!(Language::English.ago(7_200), "2 h ago");
    }
}
