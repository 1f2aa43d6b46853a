using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Protocols.Exchange;
using Xunit;

namespace OrleansGateway.Tests.Unit.Edge.Pipeline;

public sealed class ProviderErrorsTests
{
    [Theory]
    [InlineData(UpstreamFailure.BadRequest, 400, 400)]
    [InlineData(UpstreamFailure.BadRequest, 404, 404)]
    [InlineData(UpstreamFailure.BadRequest, 409, 400)]
    [InlineData(UpstreamFailure.BadRequest, 422, 422)]
    [InlineData(UpstreamFailure.BadRequest, 200, 400)]
    [InlineData(UpstreamFailure.ContentFiltered, 403, 400)]
    [InlineData(UpstreamFailure.TooLarge, 413, 413)]
    public void Of_FaultOfTheRequest_PassesTheProvidersWordsOn(UpstreamFailure failure, int status, int shown)
    {
        var error = ProviderErrors.Of(new UpstreamError(failure, status, "Its words.", "temperature"));

        Assert.Equal((shown, "Its words.", "temperature"), (error.Status, error.Message, error.Param));
        Assert.NotEmpty(ProviderErrors.Of(new UpstreamError(failure, status)).Message);
    }

    [Theory]
    [InlineData(UpstreamFailure.ModelMissing, 404)]
    [InlineData(UpstreamFailure.Auth, 502)]
    [InlineData(UpstreamFailure.Forbidden, 502)]
    [InlineData(UpstreamFailure.OutOfFunds, 503)]
    [InlineData(UpstreamFailure.RateLimited, 429)]
    [InlineData(UpstreamFailure.Overloaded, 503)]
    [InlineData(UpstreamFailure.ServerError, 503)]
    public void Of_FaultOfTheChannel_TellsNothingOfTheProvider(UpstreamFailure failure, int shown)
    {
        var error = ProviderErrors.Of(new UpstreamError(failure, 500, "SECRET words", "SECRET", "SECRET"));

        Assert.Equal(shown, error.Status);
        Assert.DoesNotContain("SECRET", $"{error}", StringComparison.Ordinal);
    }
}
