using System.Text.RegularExpressions;

namespace OrleansGateway.Protocols.OpenAI;

/// <summary>Takes out of a provider's message what is none of a client's business: keys, accounts, addresses.</summary>
internal static partial class Scrubber
{
    private const int MaxInput = 4096;
    private const int MaxOutput = 1024;
    private const string Redacted = "[redacted]";

    public static string Scrub(string message, ReadOnlySpan<string> secrets)
    {
        var text = message.Length <= MaxInput ? message : message[..MaxInput];
        foreach (var secret in secrets)
        {
            text = secret.Length > 0 ? text.Replace(secret, Redacted, StringComparison.OrdinalIgnoreCase) : text;
        }

        text = Private().Replace(text, Redacted);
        text = LongToken().Replace(text, match => IsRandom(match.ValueSpan) ? Redacted : match.Value);
        text = Control().Replace(text, " ").Trim();
        return text.Length <= MaxOutput ? text : text[..MaxOutput] + "…";
    }

    /// <summary>Letters and digits mixed, as in keys and ids, unlike a long word or field name.</summary>
    private static bool IsRandom(ReadOnlySpan<char> token) =>
        token.ContainsAnyInRange('0', '9') && (token.ContainsAnyInRange('a', 'z') || token.ContainsAnyInRange('A', 'Z'));

    [GeneratedRegex(
        """
        \b[a-z][a-z0-9+.-]*://[^\s"'<>)\]}]+
        | \bBearer\s+[^\s"',;)]+
        | \b(?:sk|pk|rk|ak)-[A-Za-z0-9_*.-]{4,}
        | \bAIza[A-Za-z0-9_-]{8,}
        | \b(?:org|organization|proj|project|acct|account|user|workspace|ws|llm|tenant)[-_](?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{4,}
        | \b(?:org|proj)[-_][A-Za-z0-9]{6,}
        | (?<=\b(?:organization|project|workspace|account|tenant)(?:\s+id)?[\s:]+["'`]?)(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{4,}
        | \b[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+
        | \b[0-9a-f]{32}\.[A-Za-z0-9]{8,}
        | \b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b
        | (?:\b[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+(?:com|net|org|cn|ai|io|dev|cloud|app|eu|us|hk|sg|co|local|internal)\b(?::\d+)?(?:/[^\s"'<>)\]}]*)?
        """,
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Private();

    [GeneratedRegex("[A-Za-z0-9_-]{28,}", RegexOptions.CultureInvariant)]
    private static partial Regex LongToken();

    [GeneratedRegex(@"[\p{Cc}\p{Cf}\u2028\u2029]+", RegexOptions.CultureInvariant)]
    private static partial Regex Control();
}
