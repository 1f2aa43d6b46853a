using System.Collections.Immutable;
using OrleansGateway.Edge.Dialects;
using OrleansGateway.Edge.Fronts;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;

namespace OrleansGateway.Edge.Pipeline;

/// <summary>One request in each protocol that it may have to be sent in.</summary>
internal sealed class Translations(IExchange exchange, DialectSet dialects)
{
    private Dictionary<string, IUpstreamRequest>? _translated;
    private Conversation? _conversation;

    /// <summary>Leaves the ways whose protocol can say what the request says.</summary>
    /// <param name="refusal">What the first of them cannot, when none is left.</param>
    public ImmutableArray<Route> Reachable(ImmutableArray<Route> routes, out ApiError? refusal)
    {
        refusal = null;
        foreach (var route in routes)
        {
            if (dialects.Of(route.Channel).Takes(exchange.Request.Format, route.Channel))
            {
                continue;
            }

            if (exchange.Facts is { IsFree: true, ChargedBy: not ChargedBy.Nothing })
            {
                // A count asks for no answer of a model: there is nothing to translate.
                routes = routes.Remove(route);
                continue;
            }

            if (!TryTranslate(route.Channel, out var error))
            {
                refusal ??= error;
                routes = routes.Remove(route);
            }
        }

        refusal = routes.IsEmpty ? refusal : null;
        return routes;
    }

    /// <summary>The request as a channel's provider understands it.</summary>
    public IUpstreamRequest For(IDialect dialect, Channel channel) =>
        dialect.Takes(exchange.Request.Format, channel) ? exchange.Request : _translated![dialect.Kind];

    private bool TryTranslate(Channel channel, out ApiError error)
    {
        error = default;
        _conversation ??= exchange.Converse(out error);
        if (_conversation is null)
        {
            return false;
        }

        // A channel that drops what has no price drops the provider's tools, of which another protocol has none.
        var dialect = dialects.Of(channel);
        if (Features.Refused(_conversation, dialect.TranslatesTo, channel.DropsUnpriced ? Feature.ProviderTool : null) is { } use)
        {
            error = new ApiError(
                ErrorKind.InvalidRequest,
                $"'{use.Path}' is not available with the model '{exchange.Facts.Model}': its provider has nothing like it. Send the request without it.",
                use.Path,
                "unsupported_value");
            return false;
        }

        if (exchange.Facts.MaxOutputTokens == 0 && dialect.TranslatesTo != WireFormats.Messages)
        {
            var field = exchange.Facts.MaxOutputField;
            error = new ApiError(
                ErrorKind.InvalidRequest, $"{field}: the model '{exchange.Facts.Model}' cannot be asked for no output at all. Expected a value of 1 or more.", field, "integer_below_min_value");
            return false;
        }

        if (_translated?.ContainsKey(dialect.Kind) == true)
        {
            return true;
        }

        if (dialect.Translate(_conversation, exchange.Facts, out error) is not { } request)
        {
            return false;
        }

        (_translated ??= [])[dialect.Kind] = request;
        return true;
    }
}
