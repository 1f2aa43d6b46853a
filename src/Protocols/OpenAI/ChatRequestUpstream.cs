using System.Globalization;
using System.Text;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Protocols.OpenAI;

/// <summary>What a relay changes in a request for one channel.</summary>
public readonly record struct UpstreamChanges
{
    /// <summary>The provider's name for the model; null leaves the client's.</summary>
    public string? Model { get; init; }

    /// <summary>The output limit to forward, in tokens a choice, in place of the client's or where it gave none; null leaves it.</summary>
    public int? MaxOutputTokens { get; init; }

    /// <summary>The field that the provider wants an output limit in; None leaves the client's choice (or <c>max_completion_tokens</c>).</summary>
    public OutputLimitField OutputLimitField { get; init; }

    /// <summary>The provider does not know <c>stream_options</c>: it is taken out rather than made to ask for usage.</summary>
    public bool WithoutStreamOptions { get; init; }

    /// <summary>How the provider wants to be told how much to think.</summary>
    public ThinkingForm Thinking { get; init; }
}

/// <summary>How much a model is to think, as providers want to be told.</summary>
public enum ThinkingForm
{
    /// <summary><c>reasoning_effort</c>, as it is.</summary>
    Effort,

    /// <summary><c>thinking: {"type": …}</c>.</summary>
    Type,

    /// <summary><c>enable_thinking</c>.</summary>
    Flag,
}

public sealed partial class ChatRequest
{
    private static readonly ReadOnlyMemory<byte> StreamOptionsValue = "{\"include_usage\":true}"u8.ToArray();
    private static readonly ReadOnlyMemory<byte> StreamOptionsFirst = "\"stream_options\":{\"include_usage\":true},"u8.ToArray();
    private static readonly ReadOnlyMemory<byte> IncludeUsageFirst = "\"include_usage\":true,"u8.ToArray();

    /// <summary>Whether <see cref="ForUpstream"/> puts in <c>stream_options</c> of which the client has sent nothing.</summary>
    public bool LacksStreamOptions => Stream && !_streamOptionsMember.IsPresent;

    /// <summary>
    /// The body for a provider: asking for usage when streaming, whatever the client asked, otherwise changed only as
    /// said. Everything else, number text included, stays byte for byte.
    /// </summary>
    public UpstreamBody ForUpstream(in UpstreamChanges changes)
    {
        var splices = default(JsonSplices);
        if (changes.Model is not null && changes.Model != Model)
        {
            splices.ReplaceValue(_modelMember, JsonBytes.Quote(changes.Model));
        }

        SpliceStreamOptions(ref splices, changes.WithoutStreamOptions);
        SpliceOutputLimit(ref splices, changes);
        SpliceEffort(ref splices, changes.Thinking);

        return splices.Apply(Body);
    }

    private void SpliceStreamOptions(ref JsonSplices splices, bool without)
    {
        if (without)
        {
            if (_streamOptionsMember.IsPresent)
            {
                splices.Remove(Body.Span, _streamOptionsMember);
            }
        }
        else if (!Stream || IncludeUsage)
        {
        }
        else if (_includeUsageMember.IsPresent)
        {
            splices.ReplaceValue(_includeUsageMember, JsonBytes.True);
        }
        else if (_streamOptionsIsObject && !_streamOptionsIsEmpty)
        {
            splices.Replace(_streamOptionsMember.ValueStart + 1, _streamOptionsMember.ValueStart + 1, IncludeUsageFirst);
        }
        else if (_streamOptionsMember.IsPresent)
        {
            splices.ReplaceValue(_streamOptionsMember, StreamOptionsValue);
        }
        else
        {
            splices.Replace(_rootStart, _rootStart, StreamOptionsFirst);
        }
    }

    /// <summary>Says <c>reasoning_effort</c> in the provider's way, unless the client has done so itself: whether to think, of which there is no more.</summary>
    private void SpliceEffort(ref JsonSplices splices, ThinkingForm form)
    {
        if (form == ThinkingForm.Effort || !_effortMember.IsPresent)
        {
            return;
        }

        if (_saysThinking)
        {
            splices.Remove(Body.Span, _effortMember);
            return;
        }

        var effort = _effortMember.Value(Body.Span);

        var thinks = !effort.SequenceEqual("\"none\""u8) && !effort.SequenceEqual("\"minimal\""u8);
        var member = (form, thinks) switch
        {
            (ThinkingForm.Type, true) => "\"thinking\":{\"type\":\"enabled\"}"u8,
            (ThinkingForm.Type, false) => "\"thinking\":{\"type\":\"disabled\"}"u8,
            (_, true) => "\"enable_thinking\":true"u8,
            _ => "\"enable_thinking\":false"u8,
        };
        splices.Replace(_effortMember.NameStart, _effortMember.ValueEnd, member.ToArray());
    }

    private void SpliceOutputLimit(ref JsonSplices splices, in UpstreamChanges changes)
    {
        var limit = changes.MaxOutputTokens ?? MaxOutputTokens;
        if (limit is null)
        {
            return;
        }

        var field = changes.OutputLimitField != OutputLimitField.None ? changes.OutputLimitField
            : OutputLimitField != OutputLimitField.None ? OutputLimitField
            : OutputLimitField.MaxCompletionTokens;
        if (field == OutputLimitField && limit == MaxOutputTokens)
        {
            return;
        }

        var isOld = field == OutputLimitField.MaxTokens;
        var (wanted, other) = isOld ? (_maxTokensMember, _maxCompletionTokensMember) : (_maxCompletionTokensMember, _maxTokensMember);
        var name = isOld ? "max_tokens" : "max_completion_tokens";
        var member = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"\"{name}\":{limit}"));
        if (wanted.IsPresent)
        {
            splices.Replace(wanted.NameStart, wanted.ValueEnd, member);
            if (other.IsPresent)
            {
                splices.ReplaceValue(other, JsonBytes.Null);
            }
        }
        else if (other.IsPresent)
        {
            splices.Replace(other.NameStart, other.ValueEnd, member);
        }
        else
        {
            splices.Replace(_rootStart, _rootStart, (byte[])[.. member, (byte)',']);
        }
    }
}
