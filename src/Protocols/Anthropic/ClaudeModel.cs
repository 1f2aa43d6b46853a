using System.Globalization;
using System.Text.RegularExpressions;

namespace OrleansGateway.Protocols.Anthropic;

/// <summary>What a model takes, by its provider's name for it.</summary>
internal readonly partial record struct ClaudeModel(bool IsClaude, int Version)
{
    /// <summary>Thinks as much as it finds right, up to an effort; the models before it have a budget.</summary>
    public bool ThinksAdaptively => IsClaude && Version >= 406;

    /// <summary>Thinks at all when asked to. Who else speaks the protocol takes what the models before took.</summary>
    public bool CanThink => !IsClaude || Version >= 307;

    public bool TakesSampling => !IsClaude || Version < 407;

    /// <summary>Takes either of <c>temperature</c> and <c>top_p</c>.</summary>
    public bool TakesBothSamplings => !IsClaude || Version < 401;

    /// <summary>Goes on with a beginning of its answer.</summary>
    public bool TakesPrefill => !IsClaude || Version < 406;

    public bool TakesSchema => IsClaude && Version >= 405;

    public bool TakesHighestEfforts => IsClaude && Version >= 407;

    /// <summary>Finds <c>claude-opus-4-7</c>, <c>claude-sonnet-5.5</c>, <c>claude-3-5-haiku-20241022</c>, <c>us.anthropic.claude-opus-4-1-v1:0</c>.</summary>
    public static ClaudeModel Of(string name)
    {
        if (!name.Contains("claude", StringComparison.OrdinalIgnoreCase))
        {
            return default;
        }

        var match = VersionIn().Match(name);
        return match.Success ? new(true, (100 * Number(match.Groups[1])) + Number(match.Groups[2])) : new(true, int.MaxValue);
    }

    private static int Number(Group group) => group.Success ? int.Parse(group.ValueSpan, CultureInfo.InvariantCulture) : 0;

    /// <summary>One or two numbers of at most two digits: what follows with eight is a date.</summary>
    [GeneratedRegex(@"(?:^|[-_ ])([0-9]{1,2})(?:[-.]([0-9]{1,2}))?(?:[^0-9]|$)", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant)]
    private static partial Regex VersionIn();
}
