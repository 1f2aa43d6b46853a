using System.Text.RegularExpressions;

namespace OrleansGateway.Protocols.OpenAI;

/// <summary>
/// Takes out of a provider's message what is none of a client's business: keys, accounts, addresses. Whoever can make a provider quote
/// a text decides what is in the message: the work grows with its length alone.
/// </summary>
internal static partial class Scrubber
{
    private const int MaxInput = 4096;
    private const int MaxOutput = 1024;
    private const string Redacted = "[redacted]";

    /// <summary>Without backtracking a search is one pass; one kind at a time, no search runs past a match only to come back to it.</summary>
    private const RegexOptions OnePass =
        RegexOptions.NonBacktracking | RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.IgnorePatternWhitespace;

    /// <summary>Of a name's characters at least four, a digit among them: as in identifiers, unlike in most words.</summary>
    private const string Identifier =
        "(?:[0-9][a-z0-9_-]{3,} | [a-z_-][0-9][a-z0-9_-]{2,} | [a-z_-]{2}[0-9][a-z0-9_-]+ | [a-z_-]{3,}[0-9][a-z0-9_-]*)";

    /// <summary>A character of an address's path, or what stands for a part of it by now.</summary>
    private const string OfPath = @"(?:\[redacted\] | [^\s""'<>)\]}])";

    public static string Scrub(string message, ReadOnlySpan<string> secrets)
    {
        var text = message.Length <= MaxInput ? message : message[..MaxInput];
        foreach (var secret in secrets)
        {
            text = secret.Length > 0 ? text.Replace(secret, Redacted, StringComparison.OrdinalIgnoreCase) : text;
        }

        // What contains another kind comes before it.
        text = Url().Replace(text, Redacted);
        text = Bearer().Replace(text, Redacted);
        text = Key().Replace(text, Redacted);
        text = NamedIdentifier().Replace(text, Redacted);
        text = NamedWord().Replace(text, Redacted);
        text = IdentifierAfterName().Replace(text, "$1" + Redacted);
        text = MailAddress().Replace(text, Redacted);
        text = KeyInTwoParts().Replace(text, Redacted);
        text = IPAddress().Replace(text, Redacted);
        text = Host().Replace(text, Redacted);
        text = LongToken().Replace(text, match => IsRandom(match.ValueSpan) ? Redacted : match.Value);
        text = Control().Replace(text, " ").Trim();
        return text.Length <= MaxOutput ? text : text[..MaxOutput] + "…";
    }

    /// <summary>Letters and digits mixed, as in keys and ids, unlike a long word or field name.</summary>
    private static bool IsRandom(ReadOnlySpan<char> token) =>
        token.ContainsAnyInRange('0', '9') && (token.ContainsAnyInRange('a', 'z') || token.ContainsAnyInRange('A', 'Z'));

    [GeneratedRegex(@"\b[a-z][a-z0-9+.-]*://" + OfPath + "+", OnePass)]
    private static partial Regex Url();

    [GeneratedRegex(@"\bBearer\s+[^\s""',;)]+", OnePass)]
    private static partial Regex Bearer();

    [GeneratedRegex(@"\b(?:(?:sk|pk|rk|ak)-[a-z0-9_*.-]{4,} | AIza[a-z0-9_-]{8,})", OnePass)]
    private static partial Regex Key();

    [GeneratedRegex(@"\b(?:org|organization|proj|project|acct|account|user|workspace|ws|llm|tenant)[-_]" + Identifier, OnePass)]
    private static partial Regex NamedIdentifier();

    [GeneratedRegex(@"\b(?:org|proj)[-_][a-z0-9]{6,}", OnePass)]
    private static partial Regex NamedWord();

    [GeneratedRegex(@"(\b(?:organization|project|workspace|account|tenant)(?:\s+id)?[\s:]+[""'`]?)" + Identifier, OnePass)]
    private static partial Regex IdentifierAfterName();

    [GeneratedRegex(@"\b[a-z0-9._%+-]+@[a-z0-9.-]+", OnePass)]
    private static partial Regex MailAddress();

    [GeneratedRegex(@"\b[0-9a-f]{32}\.[a-z0-9]{8,}", OnePass)]
    private static partial Regex KeyInTwoParts();

    [GeneratedRegex(@"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b", OnePass)]
    private static partial Regex IPAddress();

    [GeneratedRegex(
        @"(?:\b[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+(?:com|net|org|cn|ai|io|dev|cloud|app|eu|us|hk|sg|co|local|internal)\b(?::\d+)?(?:/" + OfPath + "*)?",
        OnePass)]
    private static partial Regex Host();

    [GeneratedRegex("[a-z0-9_-]{28,}", OnePass)]
    private static partial Regex LongToken();

    [GeneratedRegex(@"[\p{Cc}\p{Cf}\u2028\u2029]+", OnePass)]
    private static partial Regex Control();
}
